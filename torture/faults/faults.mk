# The build of seeded faults; the Makefile includes it for the goal `fault` alone.
#
# `make fault NAME=x` leaves $(BUILD)/faults/x/runner-FLAVOR, which STILLPOINT_RUNNERS takes; NAME may be
# several. A fault is a copy of lib/, and of the workloads that it is in, with its patch, and a runner in which
# what the patch changes is compiled anew: the files of the library that use a patched one, patched workloads,
# and, for a public header, the workloads of the fault's scenario. Everything else is linked as it is. A line "Build: SANITIZE=address" of the patch is for
# what is compiled anew, and for the linking.

fault_names := $(or $(NAME),$(error usage: make fault NAME=x, for torture/faults/x.patch))

# Of each use of a file of lib/ by another or by itself: lib/USED:USER, without lib/ before the user.
lib_uses = $(eval lib_uses := $(shell $(CC) $(flags) $(lib_flags) -MM $(lib_sources:%=lib/%) | \
               tr -d '\\\n' | sed 's|[^ ]*\.o: *|\n|g' | \
               awk '{ for (i = 1; i <= NF; i++) print $$i ":" substr($$1, 5) }'))$(lib_uses)
lib_whole := $(shell find lib -name '*.[ch]')

# With these every workload is compiled anew for a public header.
fault_shared := $(patsubst %.c,%,$(wildcard torture/flavors/*.c torture/workloads/*.c))

# FLAVOR is stillpoint, or what the line "Scenario" of the patch says: flavor=FLAVOR. Objects come before
# the library that has the rest, and so take the place of their members there.
# $(1): name
define fault_rules
fault_patch_$(1)    := torture/faults/$(1).patch
fault_scenario_$(1) := $$(shell sed -n '/^--- /q; s/^Scenario: *//p' $$(fault_patch_$(1)))
fault_flavor_$(1)   := $$(or $$(patsubst flavor=%,%,$$(filter flavor=%,$$(fault_scenario_$(1)))),stillpoint)
fault_flags_$(1)    := $$(patsubst SANITIZE=%,-fsanitize=% -fno-sanitize-recover=all -fno-omit-frame-pointer,\
                         $$(shell sed -n '/^--- /q; s/^Build: *//p' $$(fault_patch_$(1))))
fault_files_$(1)    := $$(shell sed -n 's|^+++ b/lib/\([^ \t]*\).*|\1|p' $$(fault_patch_$(1)))
fault_types_$(1)    := $$(if $$(filter include/%,$$(fault_files_$(1))),$$(shell \
                         sed -n 's/.*"type": *"\([^"]*\)".*/\1/p' $$(firstword $$(fault_scenario_$(1)))))
fault_folders_$(1)  := $$(sort $$(shell sed -n 's|^+++ b/\(torture/workloads/[^/]*\)/.*|\1|p' $$(fault_patch_$(1))))
fault_lib_$(1)      := $$(sort $$(foreach f,$$(fault_files_$(1)),\
                         $$(patsubst lib/$$(f):%,%,$$(filter lib/$$(f):%,$$(lib_uses)))))
fault_flavored_$(1) := $$(fault_folders_$(1)) $$(if $$(fault_types_$(1)),$$(sort $$(fault_shared) $$(filter \
                         $$(foreach t,$$(fault_types_$(1)),torture/workloads/$$(t) bench/$$(subst -,_,$$(t))%),\
                         $$(filter-out $$(fault_folders_$(1)),$$(flavor_units)))))
fault_objects_$(1)  := $$(fault_lib_$(1):%.c=$$(BUILD)/faults/$(1)/obj/%.o) \
                       $$(fault_flavored_$(1):%=$$(BUILD)/faults/$(1)/flavor/%.o)
fault_rest_$(1)     := $$(filter-out $$(fault_flavored_$(1):%=$$(BUILD)/flavor-$$(fault_flavor_$(1))/%.o),\
                         $$(objects_$$(fault_flavor_$(1))))

$$(BUILD)/faults/$(1)/patched: $$(fault_patch_$(1)) $$(lib_whole) $$(wildcard $$(fault_folders_$(1):%=%/*))
	$$(call say,FAULT,$(1)) rm -rf $$(@D) && mkdir -p $$(@D) && cp -r --parents lib $$(fault_folders_$(1)) $$(@D)
	@patch -s -p1 -F0 -d $$(@D) <$$< >$$(@D)/patch.log 2>&1 || \
	    { echo "$$<: does not apply:"; cat $$(@D)/patch.log; exit 1; } >&2
	@touch $$@
$$(BUILD)/faults/$(1)/obj/%.o: $$(BUILD)/faults/$(1)/patched $$(BUILD)/flags
	@mkdir -p $$(@D)
	@$$(CC) $$(flags) $$(fault_flags_$(1)) -w $$(CFLAGS_$$(fault_flavor_$(1))) -fPIC -I$$(<D)/lib/include -I$$(<D)/lib \
	    -c -o $$@ $$(<D)/lib/$$*.c
define fault_compile_$(1)
@mkdir -p $$(@D)
@$$(CC) $$(flags) $$(fault_flags_$(1)) -w -MMD -MP -I$$(BUILD)/faults/$(1) -I. -I$$(BUILD)/faults/$(1)/lib/include \
    $$(CFLAGS_$$(fault_flavor_$(1))) \
    $$(call flavor_defines,$$(fault_flavor_$(1)),torture/flavors/$$(fault_flavor_$(1)).h) \
    -c -o $$@ $$<
endef
$$(BUILD)/faults/$(1)/flavor/%.o: %.c $$(BUILD)/faults/$(1)/patched $$(BUILD)/flags
	$$(fault_compile_$(1))
$$(BUILD)/faults/$(1)/flavor/%.o: $$(BUILD)/units/%.c $$(BUILD)/faults/$(1)/patched $$(BUILD)/flags
	$$(fault_compile_$(1))
-include $$(fault_flavored_$(1):%=$$(BUILD)/faults/$(1)/flavor/%.d)

fault_runner_$(1) := $$(BUILD)/faults/$(1)/runner-$$(fault_flavor_$(1))
fault: $$(fault_runner_$(1))
$$(fault_runner_$(1)): $$(runner_main) $$(fault_objects_$(1)) $$(fault_rest_$(1)) $$(harness_archive) \
                       $$(filter %.a,$$(LIBS_$$(fault_flavor_$(1))))
	@$$(CC) $$(flags) $$(fault_flags_$(1)) $$(LDFLAGS) -o $$@ $$(runner_main) $$(fault_objects_$(1)) $$(fault_rest_$(1)) \
	    $$(harness_archive) $$(LIBS_$$(fault_flavor_$(1))) $$(harness_libs) $$(atomic_libs) $$(led_here)
endef
$(foreach f,$(fault_names),$(if $(wildcard torture/faults/$(f).patch),,\
    $(error there is no torture/faults/$(f).patch)))
$(foreach f,$(fault_names),$(eval $(call fault_rules,$(f))))
