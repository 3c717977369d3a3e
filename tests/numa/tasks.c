/* What the kernel says of the threads of a process:
 *
 *     tasks PID              a line for each: NAME CPUS CPU RAN MEMORY STACK
 *     tasks PID NAME CPUS    sends the threads of that name to these CPUs
 *
 * CPUS are those that it may use, CPU the one it was on last, RAN its nanoseconds on any, MEMORY
 * the policy by which it gets pages that have none of their own, STACK where the mapping begins in
 * which its stack is, in hexadecimal as in numa_maps, 0 for one that is in no system call. A thread
 * that ends meanwhile is left out.
 */
#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct task {
    char name[32], cpus[1024], memory[256];
    int cpu;
    unsigned long long ran_ns, stack;
};

static FILE *open_file(const char *pid, const char *tid, const char *file)
{
    char path[128];

    snprintf(path, sizeof path, "/proc/%s/task/%s/%s", pid, tid, file);
    return fopen(path, "r");
}

static int read_status(const char *pid, const char *tid, struct task *t)
{
    FILE *file = open_file(pid, tid, "status");
    char line[2048];

    if (!file)
        return 0;
    while (fgets(line, sizeof line, file)) {
        sscanf(line, "Name: %31[^\n]", t->name);
        sscanf(line, "Cpus_allowed_list: %1023s", t->cpus);
    }
    fclose(file);
    return t->name[0] && t->cpus[0];
}

/* Field 39; the name before may have spaces and parentheses. */
static int read_cpu(const char *pid, const char *tid, struct task *t)
{
    FILE *file = open_file(pid, tid, "stat");
    char line[2048] = "", *at;
    int field = 2;

    if (!file)
        return 0;
    at = fgets(line, sizeof line, file) ? strrchr(line, ')') : NULL;
    fclose(file);
    for (; at && field < 39; field++) {
        at = strchr(at, ' ');
        at += at != NULL;
    }
    return at && sscanf(at, "%d", &t->cpu) == 1;
}

static void read_ran(const char *pid, const char *tid, struct task *t)
{
    FILE *file = open_file(pid, tid, "schedstat");

    if (file && fscanf(file, "%llu", &t->ran_ns) != 1)
        t->ran_ns = 0;
    if (file)
        fclose(file);
}

/* Of the first mapping, the program's text, which has no policy of its own. Kernels without NUMA do
 * not say. */
static void read_memory(const char *pid, const char *tid, struct task *t)
{
    FILE *file = open_file(pid, tid, "numa_maps");
    char line[2048];

    strcpy(t->memory, "none");
    if (file && fgets(line, sizeof line, file))
        sscanf(line, "%*s %255s", t->memory);
    if (file)
        fclose(file);
}

static unsigned long long mapping_of(const char *pid, unsigned long long address)
{
    unsigned long long first, end, found = 0;
    char line[2048];
    FILE *file;

    snprintf(line, sizeof line, "/proc/%s/maps", pid);
    file = fopen(line, "r");
    while (file && !found && fgets(line, sizeof line, file))
        if (sscanf(line, "%llx-%llx", &first, &end) == 2 && first <= address && address < end)
            found = first;
    if (file)
        fclose(file);
    return found;
}

/* NUMBER ARGUMENT... STACK CODE. */
static void read_stack(const char *pid, const char *tid, struct task *t)
{
    FILE *file = open_file(pid, tid, "syscall");
    char line[512], *last;

    if (file && fgets(line, sizeof line, file) && (last = strrchr(line, ' '))) {
        *last = '\0';
        last = strrchr(line, ' ');
        t->stack = last ? mapping_of(pid, strtoull(last, NULL, 16)) : 0;
    }
    if (file)
        fclose(file);
}

static int read_cpus(const char *text, cpu_set_t *cpus)
{
    CPU_ZERO(cpus);
    for (;; text++) {
        char *end;
        long first = strtol(text, &end, 10), last = first;

        if (end == text)
            return 0;
        if (*end == '-')
            last = strtol(end + 1, &end, 10);
        for (long cpu = first; cpu >= 0 && cpu <= last && cpu < CPU_SETSIZE; cpu++)
            CPU_SET((size_t)cpu, cpus);
        text = end;
        if (*text != ',')
            return *text == '\0';
    }
}

int main(int count, char **arguments)
{
    const char *pid = count > 1 ? arguments[1] : "", *wanted = count == 4 ? arguments[2] : NULL;
    char directory[64];
    int found = 0;
    struct dirent *entry;
    cpu_set_t cpus;
    DIR *tasks;

    if ((count != 2 && count != 4) || (wanted && !read_cpus(arguments[3], &cpus))) {
        fprintf(stderr, "usage: tasks PID [NAME CPUS]\n");
        return 64;
    }
    snprintf(directory, sizeof directory, "/proc/%s/task", pid);
    tasks = opendir(directory);
    while (tasks && (entry = readdir(tasks))) {
        struct task t = {.cpu = -1};
        const char *tid = entry->d_name;

        if (tid[0] == '.' || !read_status(pid, tid, &t) || !read_cpu(pid, tid, &t))
            continue;
        if (!wanted) {
            read_ran(pid, tid, &t);
            read_memory(pid, tid, &t);
            read_stack(pid, tid, &t);
            printf("%s %s %d %llu %s %llx\n", t.name, t.cpus, t.cpu, t.ran_ns, t.memory, t.stack);
            found++;
        } else if (strcmp(t.name, wanted) == 0) {
            if (sched_setaffinity(atoi(tid), sizeof cpus, &cpus) != 0) {
                fprintf(stderr, "%s cannot be sent to %s: %s\n", wanted, arguments[3],
                        strerror(errno));
                return 1;
            }
            found++;
        }
    }
    if (tasks)
        closedir(tasks);
    return found > 0 ? 0 : 1;
}
