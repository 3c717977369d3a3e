# Stillpoint. `make help` lists the targets and variables.

VERSION := $(shell sed -n 's/^.define STILLPOINT_VERSION "\(.*\)"/\1/p' lib/include/stillpoint/version.h)
# Of what programs compile in: the number of the shared library.
LAYOUT  := $(shell sed -n 's/^.define STILLPOINT_LAYOUT_NUMBER //p' lib/include/stillpoint/version.h)

.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules
# Parallel by default. A -j on the command line wins over this one by itself; one in the environment's
# MAKEFLAGS only a shell sees. Inner makes share the outer one's job server.
ifeq ($(MAKELEVEL)$(filter -j%,$(shell echo "$$MAKEFLAGS")),0)
MAKEFLAGS += -j$(shell nproc 2>/dev/null || echo 2)
endif

# ---- Variables ----------------------------------------------------------------------------------

ifeq ($(origin CC),default)
CC := gcc
endif
# What scripts/deps.sh has unpacked, where it is not installed. Its linker has a library of its own.
ifneq ($(wildcard build/arm64/usr/bin/$(CC)),)
ifeq ($(shell command -v $(CC) 2>/dev/null),)
override CC := $(CURDIR)/build/arm64/usr/bin/$(CC)
export LD_LIBRARY_PATH := $(CURDIR)/build/arm64/usr/lib/x86_64-linux-gnu:$(LD_LIBRARY_PATH)
endif
endif
# Of debug information the lines of a backtrace; all of it takes a quarter more time to build.
default_cflags := -O2 -g1
CFLAGS  ?= $(default_cflags)
# After CFLAGS, for the tests' own files: so they compile in a third of the time.
CFLAGS_TESTS ?= -Og
PREFIX  ?= /usr/local
DESTDIR ?=
WERROR  ?= $(if $(CI),1)
# Those below are taken from the command line only: the environment often has such names.
SANITIZE  :=
DEBUG     :=
PORTABLE  :=
TWO_PHASE :=
M32       :=
ANALYZE   :=

comma := ,
hash := \#
empty :=
space := $(empty) $(empty)
dashed = $(subst $(space),-,$(strip $(1)))

# Builds that must not mix have a directory each.
variant := $(if $(SANITIZE),sanitize-$(subst $(comma),-,$(SANITIZE))) $(if $(DEBUG),debug) \
           $(if $(PORTABLE),portable) $(if $(TWO_PHASE),two-phase) $(if $(M32),m32) \
           $(filter-out gcc cc,$(notdir $(firstword $(CC))))
BUILD := build$(if $(strip $(variant)),/$(call dashed,$(variant)))

# ---- Flags --------------------------------------------------------------------------------------

# To `make flavor` CFLAGS are that flavor's own. All else keeps those that it was built with.
ifneq ($(filter flavor,$(MAKECMDGOALS)),)
flavor_cflags := $(if $(filter command,$(origin CFLAGS)),$(CFLAGS))
override CFLAGS := $(or $(shell sed -n 2p $(BUILD)/flags 2>/dev/null),\
                        $(if $(flavor_cflags),$(default_cflags),$(CFLAGS)))
endif

compiler_line := $(shell $(CC) --version 2>/dev/null | head -n 1)
warnings := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes
ifeq ($(filter-out 0 no,$(WERROR)),1)
warnings += -Werror
endif

# Empty, so that a source may define it as well, which other builds of lib/ need.
flags := -std=gnu11 -D_GNU_SOURCE= -pthread $(warnings) $(CFLAGS)
ifneq ($(SANITIZE),)
flags += -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer
# gcc tests the address of a thread-local variable for null by the flags of an add, which the linker
# turns into a lea that sets none: false reports. A null pointer is found by its fault all the same.
ifneq ($(findstring undefined,$(SANITIZE)),)
flags += $(if $(findstring clang,$(CC)),,-fno-sanitize=null)
endif
# gcc warns at every stand-alone fence that TSan does not see it; those are annotated in the source.
ifneq ($(findstring thread,$(SANITIZE)),)
flags += $(if $(findstring clang,$(CC)),,-Wno-tsan)
endif
endif
ifneq ($(DEBUG),)
flags += -DSTILLPOINT_DEBUG
endif
ifneq ($(PORTABLE),)
flags += -DSTILLPOINT_PORTABLE
endif
# The grace periods of 32 bits on 64; with 32 the library chooses them by itself.
two_phase := -DSTILLPOINT_TWO_PHASE
ifneq ($(TWO_PHASE),)
flags += $(two_phase)
endif
ifneq ($(M32),)
flags += -m32 -Wno-psabi # gcc 11 aligned 64-bit atomics anew, and says so
endif

# What no public header declares is hidden: from whoever links the shared library or what is installed.
lib_flags    := -fPIC -fvisibility=hidden -Ilib/include -Ilib
harness_flags := -I. -Ilib/include
# The program's alone: what is tortured links no database, and reads no debugging information.
program_libs   = $(or $(shell pkg-config --libs sqlite3 libdw 2>/dev/null),-lsqlite3 -ldw)
harness_libs   = $(or $(shell pkg-config --libs jansson hwloc numa libunwind 2>/dev/null),\
                     -ljansson -lhwloc -lnuma -lunwind) -lm
check_libs    = $(or $(shell pkg-config --libs check 2>/dev/null),-lcheck -lsubunit -lrt -lm)
ifneq ($(M32),) # the system's, or what scripts/deps.sh has unpacked
check_libs   := -Lbuild/i386/usr/lib/i386-linux-gnu -lcheck_pic -lsubunit -lrt -lm
endif
# What peers need to be flavors, and their packages. Without it they are left out, and `make` says so.
PEER_urcu-memb := urcu/urcu-memb.h liburcu-dev
PEER_urcu-mb   := urcu/urcu-mb.h liburcu-dev
PEER_urcu-qsbr := urcu/urcu-qsbr.h liburcu-dev
PEER_urcu-bp   := urcu/urcu-bp.h liburcu-dev
PEER_ck-epoch  := ck_epoch.h libck-dev
PEER_ck-hp     := ck_hp.h libck-dev
peers := $(patsubst PEER_%,%,$(filter PEER_%,$(.VARIABLES)))

# Asked of the compiler once: "long=8", "check", and each peer whose header it finds.
compiler_facts := $(shell { printf 'long=__SIZEOF_LONG__\n$(hash)if __has_include(<check.h>)\ncheck\n$(hash)endif\n'; \
    $(foreach p,$(peers),printf '$(hash)if __has_include(<%s>)\n$(p)\n$(hash)endif\n' $(firstword $(PEER_$(p)));) } | \
    $(CC) $(flags) -E -P -x c - 2>/dev/null)
left_out := $(filter-out $(compiler_facts),$(peers))

# Without Check for this C library and machine, what its tests use of it is in tests/check/.
ifeq ($(and $(filter check,$(compiler_facts)),\
        $(filter /%,$(shell $(CC) -print-file-name=libcheck.a; $(CC) -print-file-name=libcheck.so))),)
own_check   := $(BUILD)/tests/check.o
check_flags := -Itests/check
check_libs  :=
endif

# Atomics of 64 bits are calls into a library on some machines of 32.
atomic_libs  := $(if $(filter long=4,$(compiler_facts)),-Wl$(comma)--as-needed -latomic)

# What host.c is told about the build, as string literals. HOST_DIRTY: "true", "false" or "unknown".
commit := $(or $(shell git rev-parse --short=12 HEAD 2>/dev/null),unknown)
committed := $(or $(shell git show -s --format=%ct HEAD 2>/dev/null),0)
dirty  := $(if $(filter unknown,$(commit)),unknown,$(if \
          $(shell git status --porcelain --untracked-files=no 2>/dev/null | head -n 1),true,false))
host_define = '-D$(1)="$(subst ",,$(subst ',,$(2)))"'
host_defines = $(call host_define,HOST_COMPILER,$(compiler_line)) \
               $(call host_define,HOST_FLAGS,$(flags)) \
               $(call host_define,HOST_VERSION,$(VERSION)) \
               $(call host_define,HOST_COMMIT,$(commit)) $(call host_define,HOST_DIRTY,$(dirty)) \
               -DHOST_COMMITTED=$(committed)

# ---- Sources ------------------------------------------------------------------------------------

lib_sources    := $(patsubst lib/%,%,$(wildcard lib/*/*.c lib/*/*/*.c))
harness_mains   := torture/driver/main.c torture/runner/runner_main.c
rooms          := driver runner record scenario placement host result plot compare
harness_sources := $(filter-out $(harness_mains),$(wildcard $(rooms:%=torture/%/*.c)))
# What is compiled against each flavor, without the .c. A workload's folder is one unit, which takes half the
# time of its files: a source that includes them is made for it.
workload_units := $(sort $(patsubst %/,%,$(dir $(wildcard torture/workloads/*/*.c))))
flavor_units   := $(patsubst %.c,%,$(wildcard torture/workloads/*.c bench/*.c torture/flavors/flavor.c)) \
                  $(workload_units)
unit_tests     := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test_*.c))
# Those that need nothing of the harness.
library_tests  := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,\
                    $(shell grep -L '^\#include "\(torture\|bench\)/' tests/unit/test_*.c))

lib_objects    := $(lib_sources:%.c=$(BUILD)/obj/lib/%.o)
two_phase_objects := $(lib_sources:%.c=$(BUILD)/obj/two-phase/%.o)
harness_objects := $(harness_sources:%.c=$(BUILD)/obj/%.o)

# Every header in torture/flavors is a flavor but these.
flavors := $(filter-out flavor counted template urcu stillpoint_tables $(left_out),$(patsubst torture/flavors/%.h,%,\
             $(wildcard torture/flavors/*.h)))
runners := $(flavors:%=$(BUILD)/runner-%)

# What each flavor links and needs to compile; an absent line means nothing.
LIBS_stillpoint := $(BUILD)/libstillpoint.a
ifeq ($(TWO_PHASE),)
LIBS_stillpoint-two-phase   := $(BUILD)/libstillpoint-two-phase.a
CFLAGS_stillpoint-two-phase := $(two_phase)
else
LIBS_stillpoint-two-phase   := $(LIBS_stillpoint)
endif
LIBS_urcu-memb  := -lurcu-memb
LIBS_urcu-mb    := -lurcu-mb
LIBS_urcu-qsbr  := -lurcu-qsbr
LIBS_urcu-bp    := -lurcu-bp
LIBS_ck-epoch   := -lck
LIBS_ck-hp      := -lck

# ---- Building -----------------------------------------------------------------------------------

.PHONY: all run compare check check-full check-numa install clean help flavor fault faults models lint lint-format \
        lint-comments lint-includes lint-seam lint-tidy lint-cppcheck docs tests library-tests FORCE

ifeq ($(M32),)
all: $(BUILD)/stillpoint $(BUILD)/libstillpoint.a $(runners)
	@$(foreach p,$(left_out),echo "left out: flavor $(p), which needs <$(firstword $(PEER_$(p)))> (Debian's $(lastword $(PEER_$(p))))";)
tests: $(unit_tests)
else
# The program's libraries are there for one word size only; the library needs none.
all: $(BUILD)/libstillpoint.a
tests: library-tests
endif
library-tests: $(library_tests)

# Rewritten only when what they hold changes, so that a change of flags rebuilds and nothing else.
define write_if_changed
@mkdir -p $(@D)
@printf '%s\n' $(1) | cmp -s - $@ || printf '%s\n' $(1) >$@
endef
quoted = '$(subst ','\'',$(1))'

$(BUILD)/flags: FORCE
	$(call write_if_changed,$(call quoted,$(CC) $(compiler_line) $(flags) $(lib_flags) $(LDFLAGS)) $(call quoted,$(CFLAGS)))
$(BUILD)/tests/flags: FORCE
	$(call write_if_changed,$(call quoted,$(CFLAGS_TESTS)))
$(BUILD)/host-defines: FORCE
	$(call write_if_changed,$(call quoted,$(host_defines)))

say = @printf '  %-7s %s\n' $(1) $(2);
compile = $(call say,CC,$@) mkdir -p $(@D); $(CC) $(flags) -MMD -MP -c -o $@ $<
link = $(call say,LINK,$@) mkdir -p $(@D); $(CC) $(flags) $(LDFLAGS) -o $@
archive = $(call say,AR,$@) rm -f $@; ar rcs $@ $(filter %.o,$^)

$(BUILD)/obj/lib/%.o: lib/%.c $(BUILD)/flags
	$(compile) $(lib_flags)
$(BUILD)/obj/two-phase/%.o: lib/%.c $(BUILD)/flags
	$(compile) $(lib_flags) $(two_phase)
$(BUILD)/libstillpoint.a: $(lib_objects)
	$(archive)
$(BUILD)/libstillpoint-two-phase.a: $(two_phase_objects)
	$(archive)

# As it is installed: one object, in which hidden names are local, and a shared library. Sections of groups become
# ordinary ones: a program's group of the same name would replace them, and what refers to them is local by then.
OBJCOPY = $(shell $(CC) -print-prog-name=objcopy)
$(BUILD)/installed/stillpoint.o: $(lib_objects)
	$(call say,LINK,$@) mkdir -p $(@D); $(CC) $(if $(M32),-m32) -nostdlib -r -Wl,--force-group-allocation -o $@ $^ && \
	    $(OBJCOPY) --localize-hidden $@
$(BUILD)/installed/libstillpoint.a: $(BUILD)/installed/stillpoint.o
	$(archive)
shared := libstillpoint.so.$(LAYOUT)
$(BUILD)/installed/$(shared): $(lib_objects) lib/symbols.map
	$(call say,LINK,$@) mkdir -p $(@D); $(CC) $(flags) $(LDFLAGS) -shared -o $@ $(lib_objects) $(atomic_libs) \
	    -Wl,-soname,$(shared),--version-script=lib/symbols.map,-z,nodelete,-z,defs
.PHONY: library
library: $(BUILD)/installed/libstillpoint.a $(BUILD)/installed/$(shared)

$(BUILD)/obj/torture/%.o: torture/%.c $(BUILD)/flags
	$(compile) $(harness_flags)
$(BUILD)/obj/torture/host/host.o: torture/host/host.c $(BUILD)/flags $(BUILD)/host-defines
	$(compile) $(harness_flags) $(host_defines)
$(BUILD)/harness.a: $(harness_objects)
	$(archive)

harness_archive := $(BUILD)/harness.a
runner_main    := $(BUILD)/obj/torture/runner/runner_main.o
# Calls that the system may refuse, which the runner takes note of, and malloc(), which it may refuse itself:
# runner/refused.c. ioctl(), by which guests are entered: runner/guest_entries.c.
led_here       := $(patsubst %,-Wl$(comma)--wrap=%,pthread_create fork tgkill malloc calloc free ioctl)

$(workload_units:%=$(BUILD)/units/%.c): $(BUILD)/units/%.c: FORCE
	$(call write_if_changed,$(patsubst %,'#include "%"',$(sort $(wildcard $*/*.c))))

# A loop of one cycle takes two where it lies across a boundary, as the empty ones of benchmarks may.
bench_flags := -falign-loops=32
# What benchmarks call is not counted: they measure it.
uncounted = $(if $(filter bench/%,$<),-DFLAVOR_UNCOUNTED)
# $(1): name, $(2): adaptor header as it is included
flavor_defines = -DFLAVOR_NAME='"$(1)"' -DFLAVOR_HEADER='"$(2)"'
# A runner is what it needs of the harness, linked with the workloads compiled against one flavor. The flavor's
# own directories are searched first: another version of what is in the tree may be in them.
define flavor_rules
objects_$(1) := $$(flavor_units:%=$$(BUILD)/flavor-$(1)/%.o)
$$(BUILD)/flavor-$(1)/adaptor: FORCE
	$$(call write_if_changed,$$(call quoted,$(2) $$(CFLAGS_$(1)) $$(LIBS_$(1):$$(BUILD)/%=%)))
$$(BUILD)/flavor-$(1)/%.o: %.c $$(BUILD)/flags $$(BUILD)/flavor-$(1)/adaptor
	$$(compile) $$(CFLAGS_$(1)) $$(harness_flags) $$(bench_flags) $$(uncounted) $$(call flavor_defines,$(1),$(2))
$$(BUILD)/flavor-$(1)/%.o: $$(BUILD)/units/%.c $$(BUILD)/flags $$(BUILD)/flavor-$(1)/adaptor
	$$(compile) $$(CFLAGS_$(1)) $$(harness_flags) $$(call flavor_defines,$(1),$(2))
-include $$(objects_$(1):.o=.d)
$$(BUILD)/runner-$(1): $$(runner_main) $$(objects_$(1)) $$(harness_archive) \
                       $$(filter %.a %.o,$$(LIBS_$(1)))
	$$(link) $$(runner_main) $$(objects_$(1)) $$(harness_archive) $$(LIBS_$(1)) $$(harness_libs) \
	    $$(atomic_libs) $$(led_here)
endef
$(foreach f,$(flavors),$(eval $(call flavor_rules,$(f),torture/flavors/$(f).h)))

# The driver knows the workloads' tables; they are the ones compiled against the flavor `null`.
$(BUILD)/stillpoint: $(BUILD)/obj/torture/driver/main.o $(objects_null) $(harness_archive)
	$(link) $^ $(harness_libs) $(program_libs) $(atomic_libs)

$(BUILD)/tests/%.o: tests/unit/%.c $(BUILD)/flags $(BUILD)/tests/flags
	$(compile) $(harness_flags) -Ilib -Itests/unit $(check_flags) $(CFLAGS_TESTS)
$(BUILD)/tests/check.o: tests/check/check.c $(BUILD)/flags
	$(compile)
$(library_tests): %: %.o $(own_check) $(BUILD)/libstillpoint.a
	$(link) $^ $(check_libs) $(atomic_libs)
$(filter-out $(library_tests),$(unit_tests)): %: %.o $(objects_null) $(harness_archive) \
                                              $(BUILD)/libstillpoint.a
	$(link) $^ $(check_libs) $(harness_libs) $(atomic_libs)
.SECONDARY: $(unit_tests:%=%.o)

-include $(lib_objects:.o=.d) $(two_phase_objects:.o=.d) $(harness_objects:.o=.d) \
         $(harness_mains:%.c=$(BUILD)/obj/%.d) $(unit_tests:%=%.d) $(own_check:.o=.d)

# ---- Adaptors beside their peers -----------------------------------------------------------------

# Programs with loops of the benchmarks on a peer alone, and objects with the same through its adaptor. Those
# left out are all that there is of their peer, or another build of it.
bare := $(filter-out null classic stillpoint-two-phase,$(flavors))

$(bare:%=$(BUILD)/bare/%.o): $(BUILD)/bare/%.o: tests/programs/bare_loops.c $(BUILD)/flags
	$(compile) $(CFLAGS_$*) -Ilib/include $(bench_flags) -DPEER_$(subst -,_,$*)
$(bare:%=$(BUILD)/bare/%-adaptor.o): $(BUILD)/bare/%-adaptor.o: tests/programs/bare_loops.c $(BUILD)/flags
	$(compile) $(CFLAGS_$*) $(harness_flags) $(bench_flags) $(call flavor_defines,$*,torture/flavors/$*.h)
$(bare:%=$(BUILD)/bare/%): $(BUILD)/bare/%: $(BUILD)/bare/%.o $(BUILD)/libstillpoint.a
	$(link) $< $(LIBS_$*) $(atomic_libs)
-include $(bare:%=$(BUILD)/bare/%.d) $(bare:%=$(BUILD)/bare/%-adaptor.d)

.PHONY: bare adaptors
bare: $(bare:%=$(BUILD)/bare/%) $(bare:%=$(BUILD)/bare/%-adaptor.o)
adaptors: all bare
	@scripts/adaptors.py $(BUILD) $(bare)

# ---- Costs that are counted ----------------------------------------------------------------------

$(BUILD)/obj/tests/programs/counted.o: tests/programs/counted.c $(BUILD)/flags
	$(compile) -Ilib/include
$(BUILD)/counted: $(BUILD)/obj/tests/programs/counted.o $(BUILD)/libstillpoint.a
	$(link) $^
-include $(BUILD)/obj/tests/programs/counted.d

.PHONY: scaling
scaling:
	@scripts/deps.sh count
	@$(MAKE) --no-print-directory $(BUILD)/counted
	@scripts/scaling.py $(BUILD)

# ---- One more flavor, from anywhere --------------------------------------------------------------

ifneq ($(filter flavor,$(MAKECMDGOALS)),)
ifeq ($(and $(NAME),$(HEADER)),)
$(error usage: make flavor NAME=mine HEADER=/path/mine.h [CFLAGS=-I/path/include] [LIBS='-L/path/lib -lmine'])
endif
ifneq ($(shell printf %s $(call quoted,$(NAME)) | LC_ALL=C grep -xE '[A-Za-z0-9_][A-Za-z0-9_.+-]*'),$(NAME))
$(error NAME=$(NAME): expected letters and digits, and after the first one any of . _ + -)
endif
ifneq ($(shell printf %s $(call quoted,$(HEADER)) | LC_ALL=C grep -xE '[A-Za-z0-9_/.+@=~-]+'),$(HEADER))
$(error HEADER=$(HEADER): expected a path of letters, digits and _ / . + @ = ~ -, which make leaves alone)
endif
ifneq ($(filter $(NAME),$(flavors)),)
$(error flavor "$(NAME)" is in the tree already: choose another NAME, as $(NAME)-new)
endif

# Where the caller is, whom -C does not move. What is there is meant as seen from there: the header, and among
# flags directories and files.
caller := $(or $(realpath $(PWD)),$(CURDIR))
at_caller = $(or $(strip $(if $(filter-out $(CURDIR),$(caller)),$(if $(filter-out /%,$(1)),\
                $(wildcard $(caller)/$(1))))),$(1))
directories_of = $(patsubst $(1)%,%,$(filter-out $(1),$(filter $(1)%,$(2))))
from_caller = $(foreach w,$(1),$(strip $(or $(addprefix -I,$(call at_caller,$(call directories_of,-I,$(w)))),\
                $(addprefix -L,$(call at_caller,$(call directories_of,-L,$(w)))),$(call at_caller,$(w)))))
flavor_header := $(abspath $(call at_caller,$(HEADER)))
ifeq ($(wildcard $(flavor_header)),)
$(error HEADER=$(HEADER): no such file$(if $(filter-out /%,$(HEADER)),; sought from $(sort $(caller) $(CURDIR))))
endif

# The loader searches where the linker does, also for what a library needs: the system may have another version.
CFLAGS_$(NAME) := $(call from_caller,$(flavor_cflags))
LIBS_$(NAME) := $(call from_caller,$(LIBS))
LIBS_$(NAME) += $(addprefix -Wl$(comma)--disable-new-dtags$(comma)-rpath$(comma),\
                  $(abspath $(call directories_of,-L,$(LIBS_$(NAME)))))
$(eval $(call flavor_rules,$(NAME),$(flavor_header)))

# Known before what takes a minute: that the header compiles, and that the libraries are found.
complain = { printf 'make flavor: %s\n' $(call quoted,$(1)) >&2; exit 1; }
.PHONY: flavor-flags
$(objects_$(NAME)): | flavor-flags
flavor-flags: $(filter %.a %.o,$(LIBS_$(NAME)))
	@mkdir -p $(BUILD)/flavor-$(NAME)
	@$(CC) $(flags) -w $(CFLAGS_$(NAME)) $(harness_flags) $(call flavor_defines,$(NAME),$(flavor_header)) \
	    -include $(flavor_header) -fsyntax-only -x c /dev/null || \
	    $(call complain,$(HEADER) does not compile; what it includes may be elsewhere: CFLAGS=-I/path/include)
	@echo 'int main(void) { return 0; }' | $(CC) $(flags) $(LDFLAGS) -o $(BUILD)/flavor-$(NAME)/empty \
	    -x c - -x none -Wl,--no-as-needed $(LIBS_$(NAME)) && $(BUILD)/flavor-$(NAME)/empty || \
	    $(call complain,no program links and starts with LIBS=$(LIBS); as in LIBS='-L/path/lib -lmine')
flavor: $(BUILD)/runner-$(NAME) $(BUILD)/stillpoint
	@echo "built $<: use it with --flavor $(NAME)"
endif

# ---- Seeded faults -------------------------------------------------------------------------------

ifneq ($(filter fault,$(MAKECMDGOALS)),)
include torture/faults/faults.mk
endif
faults: all
	@BUILD=$(BUILD) tests/faults.sh

# ---- Models --------------------------------------------------------------------------------------

models:
	@tests/models.sh

# ---- Using it ------------------------------------------------------------------------------------

run:
	@scripts/deps.sh run
	@$(MAKE) --no-print-directory all
	@$(BUILD)/stillpoint run configs/quick.json --out results

compare:
	@scripts/deps.sh run
	@scripts/compare.sh '$(BASE)' '$(SCENARIO)' '$(PAIRS)' '$(AA)'

check:
	@scripts/deps.sh check
	@CC='$(CC)' tests/run.sh
check-full:
	@scripts/deps.sh full
	@FULL=1 SEED='$(SEED)' CC='$(CC)' tests/run.sh

# Machines of four nodes, under QEMU.
check-numa:
	@scripts/deps.sh numa
	@$(MAKE) --no-print-directory all
	@BUILD=$(BUILD) tests/numa/run.sh

# $(1): name, $(2): what to link
pkg_config = sed -e 's|@NAME@|$(1)|' -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' \
                 -e 's|@FLAGS@|$(layout_flags)|' -e 's|@LIBS@|$(2)|' stillpoint.pc.in \
                 >$(DESTDIR)$(PREFIX)/lib/pkgconfig/$(1).pc
layout_flags = $(strip $(if $(TWO_PHASE),$(two_phase)) $(if $(PORTABLE),-DSTILLPOINT_PORTABLE))
archive_libs = -l:$(1).a -Wl$(comma)-z$(comma)nodelete
# For programs that are built with ThreadSanitizer, which has to see the library's accesses.
tsan_build := $(BUILD)/for-tsan
installed := $(DESTDIR)$(PREFIX)

.PHONY: install-library
install-library: library
	+@$(MAKE) --no-print-directory SANITIZE=thread BUILD=$(tsan_build) $(tsan_build)/installed/libstillpoint.a
	install -d $(installed)/lib/pkgconfig $(installed)/include/stillpoint/compat
	install -m 644 lib/include/stillpoint/*.h $(installed)/include/stillpoint
	install -m 644 lib/include/stillpoint/compat/*.h $(installed)/include/stillpoint/compat
	install -m 644 $(BUILD)/installed/libstillpoint.a $(installed)/lib
	install -m 644 $(tsan_build)/installed/libstillpoint.a $(installed)/lib/libstillpoint-tsan.a
	install -m 755 $(BUILD)/installed/$(shared) $(installed)/lib/libstillpoint.so.$(LAYOUT).$(VERSION)
	ln -sf libstillpoint.so.$(LAYOUT).$(VERSION) $(installed)/lib/$(shared)
	ln -sf $(shared) $(installed)/lib/libstillpoint.so
	$(call pkg_config,stillpoint,$(call archive_libs,libstillpoint))
	$(call pkg_config,stillpoint-tsan,$(call archive_libs,libstillpoint-tsan))
	$(call pkg_config,stillpoint-shared,-lstillpoint)

install: all install-library
	install -d $(addprefix $(installed)/,bin lib/stillpoint share/stillpoint/plots share/stillpoint/configs)
	install -m 755 $(BUILD)/stillpoint $(installed)/bin
	install -m 755 $(runners) $(installed)/lib/stillpoint
	install -m 644 plots/*.gp $(installed)/share/stillpoint/plots
	cp -r configs/. $(installed)/share/stillpoint/configs

# Both are generated: change the options tables, not the files.
docs: $(BUILD)/stillpoint
	$(BUILD)/stillpoint list --markdown >$(BUILD)/reference.tmp
	$(BUILD)/stillpoint list --schema >$(BUILD)/schema.tmp
	mv $(BUILD)/reference.tmp docs/scenario-reference.md
	mv $(BUILD)/schema.tmp configs/schema/scenario.schema.json

clean:
	rm -rf build $(if $(filter-out build build/%,$(BUILD)),$(BUILD))

# ---- Lint ----------------------------------------------------------------------------------------

c_sources  = $(shell find lib torture bench tests -name '*.c' 2>/dev/null | sort)
c_headers  = $(shell find lib torture bench tests -name '*.h' 2>/dev/null | sort)
# Not the tests: what a test case leaves to its process is a leak to the analyser.
tidy_stamps = $(patsubst %.c,$(BUILD)/lint/%.tidy$(ANALYZE),$(filter-out tests/%,$(c_sources)))
lint_flags := -std=gnu11 -D_GNU_SOURCE= $(filter-out -Werror,$(warnings)) -I. -Ilib/include -Ilib -Itests/unit \
              $(call flavor_defines,stillpoint,torture/flavors/stillpoint.h)

lint: lint-format lint-comments lint-includes lint-seam lint-tidy lint-cppcheck

# clang-format leaves comments as long as they are.
lint-format:
	@clang-format --dry-run --Werror $(c_sources) $(c_headers)
	@LC_ALL=C.UTF-8 grep -nP '^(?=.{101})' $(c_sources) $(c_headers) >&2; test $$? -eq 1 || \
	    { echo 'over 100 columns' >&2; exit 1; }

lint-includes:
	@tests/includes.sh

# What checkers rely on; the rules are in the head of tests/seam.py.
lint-seam:
	@python3 tests/seam.py

# What is checked is in the head of tests/comments.py.
lint-comments:
	@python3 tests/comments_test.py && python3 tests/comments.py

# What is off, and why, is in .clang-tidy. ANALYZE=0: without the analyser, in a twentieth of the time.
lint-tidy: $(tidy_stamps)
$(BUILD)/lint/%.tidy$(ANALYZE): %.c $(c_headers) .clang-tidy
	@mkdir -p $(@D)
	@clang-tidy --quiet --warnings-as-errors='*' $(if $(ANALYZE),--checks=-clang-analyzer-*) $< -- $(lint_flags) $(call host_define,HOST_COMPILER,-) \
	    $(call host_define,HOST_FLAGS,-) $(call host_define,HOST_VERSION,-) \
	    $(call host_define,HOST_COMMIT,-) $(call host_define,HOST_DIRTY,-) 2>$@.log || \
	    { cat $@.log >&2; exit 1; }
	@touch $@

# What is off, and why, is in .cppcheck-suppressions.
lint-cppcheck:
	@mkdir -p $(BUILD)/lint/cppcheck
	@cppcheck --quiet --error-exitcode=1 --enable=warning,performance,portability --inline-suppr \
	    --std=c11 --library=gnu --suppressions-list=.cppcheck-suppressions \
	    --cppcheck-build-dir=$(BUILD)/lint/cppcheck -j $(shell nproc) \
	    --platform=unix64 -D__linux__ -D__x86_64__ -D__GNUC__=12 -D__SIZEOF_LONG__=8 \
	    -D_GNU_SOURCE= -I. -Ilib/include -Ilib \
	    $(call flavor_defines,stillpoint,torture/flavors/stillpoint.h) '-DRCU_HEADER=<stillpoint/rcu.h>' \
	    --include=tests/cppcheck.h \
	    lib torture bench tests

# ---- Help ----------------------------------------------------------------------------------------

define help_text
Stillpoint $(VERSION): RCU and vCPUs under torture, in user space.

  make              build the library, the program and a runner for each flavor
  make run          install what is missing, build, measure and torture for 45 s, plot
  make compare BASE=REVISION   is this tree slower than that? builds both, runs them by turns
  make adaptors     what adaptors add to their peers, into docs/performance.md (5 minutes)
  make scaling      counts of what grace periods cost with many threads, into docs/scaling.md (2 minutes)
  make check        install what is missing, run the tests (under 7 minutes on 2 CPUs)
  make check-full   the same and everything that takes longer (90 minutes; can be stopped)
  make check-numa   placement and all else on machines of four nodes, under QEMU (10 minutes)
  make faults       every seeded fault must be found by its check
  make models       search the models of protocols with spin
  make fault NAME=x                          only build the runner with the fault x
  make flavor NAME=x HEADER=x.h [CFLAGS=-I/x] [LIBS=-lx]
                    build a runner for your own RCU, or another version of a peer
  make library-tests                         only build the tests that need nothing but the library
  make lint         clang-format, comments, includes, clang-tidy, cppcheck (ANALYZE=0: no analyser)
  make docs         regenerate what is generated in docs/ and configs/schema/
  make install      into $$DESTDIR$$PREFIX
  make install-library                       only the library: archive, shared library, headers
  make library      only build these
  make clean        remove build/

  CC=clang                     compiler (gcc)             -> build/clang
  SANITIZE=address,undefined   or thread                  -> build/sanitize-address-undefined
  DEBUG=1                      misuse of the library is diagnosed and aborts  -> build/debug
  PORTABLE=1                   mutex and condition instead of the futex  -> build/portable
  TWO_PHASE=1                  the grace periods of 32-bit machines  -> build/two-phase
  M32=1                        32 bits: the library and library-tests only  -> build/m32
  CC=musl-gcc                  another C library: the same only  -> build/musl-gcc
  CC=aarch64-linux-gnu-gcc     another machine: the same only  -> build/aarch64-linux-gnu-gcc
  WERROR=1                     warnings are errors
  CFLAGS=, LDFLAGS=            ($(CFLAGS)); for make flavor: that flavor's own
  CFLAGS_TESTS=                after CFLAGS, for the tests ($(CFLAGS_TESTS))
  PREFIX=, DESTDIR=            for install ($(PREFIX))
  BUILD=                       where everything goes; the variables above choose it ($(BUILD))
  SEED=                        for make check-full: what it samples
  SCENARIO=, PAIRS=, AA=1      for make compare: what is run, how often, and BASE beside itself

  flavors in the tree: $(or $(flavors),none)
endef
export help_text
help:
	@printf '%s\n' "$$help_text"
