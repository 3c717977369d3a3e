/* What is loaded into the process.
 *
 * The library is there once: two copies would have two registries, and neither would wait for the
 * readers of the other. Each carries a note in its ELF file by which a second one finds the first,
 * wherever they are, in the program, a shared library or a plug-in; names of symbols would not
 * do, since those of a program and of plug-ins are not found by one another.
 *
 * And it stays: threads, keys of thread-specific data and fork handlers lead to its code. In a
 * plug-in that is unloaded they would lead nowhere, so a plug-in that has the library in it stays
 * as well.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "sync/platform.h"

#include "start.h"
#include "stillpoint/version.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define NOTE_NAME "Stillpoint"

struct note {
    ElfW(Nhdr) header;
    char name[12]; /* NOTE_NAME, padded to words */
    char version[8];
};
_Static_assert(sizeof NOTE_NAME <= sizeof((struct note *)NULL)->name, "the name in the note");
_Static_assert(sizeof STILLPOINT_VERSION <= sizeof((struct note *)NULL)->version,
               "the version in the note");

/* In assembly, since it is the section's type that makes the linker keep it as a note. */
__asm__(".pushsection .note.stillpoint, \"a\", %note\n"
        ".balign 4\n"
        ".hidden stillpoint_note\n"
        ".globl stillpoint_note\n"
        "stillpoint_note:\n"
        ".long 11, 8, 1\n" /* lengths of name and version, type */
        ".asciz \"" NOTE_NAME "\"\n"
        ".balign 4\n"
        ".asciz \"" STILLPOINT_VERSION "\"\n"
        ".balign 4\n"
        ".popsection\n");
extern const struct note stillpoint_note __attribute__((visibility("hidden")));

static const char *pointer_to(uintptr_t address)
{
    const char *pointer;

    memcpy(&pointer, &address, sizeof pointer);
    return pointer;
}

/* The library's note in a loaded object, or NULL. */
static const struct note *note_in(const struct dl_phdr_info *object)
{
    for (unsigned i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        uintptr_t at = object->dlpi_addr + segment->p_vaddr, end = at + segment->p_memsz;

        if (segment->p_type != PT_NOTE)
            continue;
        while (at + sizeof(ElfW(Nhdr)) <= end) {
            const struct note *note = (const struct note *)(const void *)pointer_to(at);
            uintptr_t align = segment->p_align > 4 ? segment->p_align : 4;

            if (note->header.n_namesz == sizeof NOTE_NAME &&
                memcmp(note->name, NOTE_NAME, sizeof NOTE_NAME) == 0)
                return note;
            at += sizeof note->header + ((note->header.n_namesz + 3) & ~(uintptr_t)3);
            at = (at + align - 1) & ~(align - 1);
            at = (at + note->header.n_descsz + align - 1) & ~(align - 1);
        }
    }
    return NULL;
}

static const char *name_of(const char *object)
{
    return *object ? object : "the program";
}

/* It is not there in a program that is linked statically, to which nothing is loaded. */
#pragma weak dlopen

struct copies {
    const char *own, *other;
    const struct note *other_note;
};

static int find_copies(struct dl_phdr_info *object, size_t size, void *found)
{
    struct copies *copies = found;
    const struct note *note = note_in(object);

    (void)size;
    if (note == &stillpoint_note) {
        copies->own = object->dlpi_name;
    } else if (note) {
        copies->other = object->dlpi_name;
        copies->other_note = note;
    }
    return 0;
}

void platform_loaded_start(void)
{
    struct copies copies = {NULL, NULL, NULL};
    char text[640];

    dl_iterate_phdr(find_copies, &copies);
    if (copies.other) {
        snprintf(text, sizeof text,
                 "two copies of the library in one process: %.200s has version %s, and %.200s has "
                 "version %.8s; neither would wait for the readers of the other. Link both with "
                 "the shared library (pkg-config stillpoint-shared)",
                 copies.own ? name_of(copies.own) : "this", STILLPOINT_VERSION,
                 name_of(copies.other), copies.other_note->version);
        platform_fail(text);
    }
    if (copies.own && *copies.own && dlopen)
        dlopen(copies.own, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}

#ifdef __GLIBC__
static int count_unloads(struct dl_phdr_info *object, size_t size, void *count)
{
    (void)size;
    *(unsigned long *)count = (unsigned long)object->dlpi_subs;
    return 1;
}

unsigned long platform_unloads(void)
{
    unsigned long count = 0;

    dl_iterate_phdr(count_unloads, &count);
    return count;
}
#else
unsigned long platform_unloads(void)
{
    return 0;
}
#endif

bool platform_is_mapped(uintptr_t address)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    unsigned char resident;

    return mincore((void *)pointer_to(address & ~(page - 1)), page, &resident) == 0 ||
           errno != ENOMEM;
}
