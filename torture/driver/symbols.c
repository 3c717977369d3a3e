/* Stacks with lines of the sources. The runner writes addresses, since a thread in a signal handler
 * cannot search for more; the driver finds the rest, in the files that were mapped there. */
#include "symbols.h"

#include "torture/record/text.h"

#include <elfutils/libdwfl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MARK " @0x"

struct symbols {
    Dwfl *dwfl;
};

char *symbols_maps(int pid)
{
    char path[64];
    FILE *file, *copy;
    char *maps = NULL;
    size_t size = 0;
    int byte;

    snprintf(path, sizeof path, "/proc/%d/maps", pid);
    file = fopen(path, "re");
    copy = file ? open_memstream(&maps, &size) : NULL;
    while (copy && (byte = getc(file)) != EOF)
        putc(byte, copy);
    if (copy)
        fclose(copy);
    if (file)
        fclose(file);
    return maps;
}

/* The file itself has it, or nobody: a search for another one may go to the network. */
static int no_other_file(Dwfl_Module *module, void **data, const char *name, Dwarf_Addr base,
                         const char *file, const char *link, GElf_Word sum, char **found)
{
    (void)module;
    (void)data;
    (void)name;
    (void)base;
    (void)file;
    (void)link;
    (void)sum;
    (void)found;
    return -1;
}

struct symbols *symbols_open(const char *maps)
{
    static const Dwfl_Callbacks callbacks = {
        .find_elf = dwfl_linux_proc_find_elf,
        .find_debuginfo = no_other_file,
    };
    FILE *file = maps && *maps ? fmemopen((char *)maps, strlen(maps), "r") : NULL;
    struct symbols *s = file ? calloc(1, sizeof *s) : NULL;
    bool read = false;

    if (s)
        s->dwfl = dwfl_begin(&callbacks);
    if (s && s->dwfl) {
        read = dwfl_linux_proc_maps_report(s->dwfl, file) == 0;
        read = dwfl_report_end(s->dwfl, NULL, NULL) == 0 && read;
    }
    if (file)
        fclose(file);
    if (s && !read) {
        symbols_close(s);
        s = NULL;
    }
    return s;
}

void symbols_close(struct symbols *s)
{
    if (s && s->dwfl)
        dwfl_end(s->dwfl);
    free(s);
}

static void put_place(FILE *out, Dwfl_Module *module, Dwarf_Addr at)
{
    Dwfl_Line *line = dwfl_module_getsrc(module, at);
    int number = 0;
    const char *file = line ? dwfl_lineinfo(line, NULL, &number, NULL, NULL, NULL) : NULL;
    const char *directory = line ? dwfl_line_comp_dir(line) : NULL;
    size_t length = directory ? strlen(directory) : 0;

    if (!file || number == 0)
        return;
    if (length > 0 && strncmp(file, directory, length) == 0 && file[length] == '/')
        file += length + 1;
    if (strncmp(file, "./", 2) == 0)
        file += 2;
    fprintf(out, " (%s:%d)", file, number);
}

/* Of an address in no function that has a name: a stripped library has those that it exports, and
 * the last of them before the address is another one. */
static void put_offset_in_file(FILE *out, Dwfl_Module *module, uint64_t address)
{
    Dwarf_Addr start = 0;
    const char *path = dwfl_module_info(module, NULL, &start, NULL, NULL, NULL, NULL, NULL);
    const char *name = path ? strrchr(path, '/') : NULL;

    fprintf(out, "%s+0x%" PRIx64, name ? name + 1 : "?", address - start);
}

/* `function` is what the runner found. A return address may be that of the next line, or of the
 * next function: the call is just before. */
static void put_frame(FILE *out, struct symbols *s, const char *function, int length,
                      uint64_t address, bool innermost)
{
    Dwarf_Addr at = address - (innermost ? 0 : 1);
    Dwfl_Module *module = s ? dwfl_addrmodule(s->dwfl, at) : NULL;
    GElf_Off offset = 0;
    GElf_Sym symbol;
    const char *name =
        module ? dwfl_module_addrinfo(module, at, &offset, &symbol, NULL, NULL, NULL) : NULL;

    if (name && (symbol.st_size == 0 || offset < symbol.st_size))
        fprintf(out, "%s+0x%" PRIx64, name, address - at + offset);
    else if (module)
        put_offset_in_file(out, module, address);
    else if (length > 0)
        fprintf(out, "%.*s", length, function);
    else
        fprintf(out, "0x%" PRIx64, address);
    if (module)
        put_place(out, module, at);
    putc('\n', out);
}

char *symbols_of_stack(struct symbols *s, const char *stack)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    bool innermost = true;

    if (!out)
        return text_format("%s", stack);
    while (*stack) {
        size_t length = strcspn(stack, "\n");
        const char *mark = strstr(stack, MARK);

        if (mark && mark < stack + length)
            put_frame(out, s, stack, (int)(mark - stack),
                      strtoull(mark + strlen(MARK) - 2, NULL, 16), innermost);
        else
            fprintf(out, "%.*s\n", (int)length, stack);
        innermost = false;
        stack += length + (stack[length] == '\n');
    }
    fclose(out);
    return text;
}
