/* Loads a plug-in and unloads it, again and again: host FILE CYCLES [pending]. */
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef USES_RCU /* itself, and not only by the plug-in */
#include <stillpoint/rcu.h>
#endif

static sem_t called, go_on;

static void *load(const char *file)
{
    void *plugin = dlopen(file, RTLD_NOW | RTLD_LOCAL);

    if (!plugin) {
        fprintf(stderr, "%s\n", dlerror());
        exit(2);
    }
    return plugin;
}

static void call(void *plugin, const char *name)
{
    void (*function)(void);
    void *address = dlsym(plugin, name);

    memcpy(&function, &address, sizeof function);
    function();
}

/* Ends after the plug-in was unloaded. */
static void *reader(void *plugin)
{
    call(plugin, "plugin_read");
    sem_post(&called);
    sem_wait(&go_on);
    return NULL;
}

static void cycle(const char *file)
{
    void *plugin = load(file);
    pthread_t thread;

    pthread_create(&thread, NULL, reader, plugin);
    sem_wait(&called);
    call(plugin, "plugin_update");
    dlclose(plugin);
    sem_post(&go_on);
    pthread_join(thread, NULL);
}

int main(int count, char **arguments)
{
    sem_init(&called, 0, 0);
    sem_init(&go_on, 0, 0);
    if (count < 3)
        return 64;
#ifdef USES_RCU
    rcu_register_thread();
    if (count > 3) {
        void *plugin = load(arguments[1]);

        rcu_read_lock();
        call(plugin, "plugin_leave_pending");
        dlclose(plugin);
        rcu_read_unlock();
        rcu_barrier();
    }
#endif
    for (int i = atoi(arguments[2]); i > 0; i--)
        cycle(arguments[1]);
#ifdef USES_RCU
    rcu_unregister_thread();
#endif
    printf("%s cycles\n", arguments[2]);
    return 0;
}
