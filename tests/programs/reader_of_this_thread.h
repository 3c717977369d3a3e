/* Storage for readers in place of the library's, as -DRCU_SELF() names it. */
struct rcu_reader *reader_of_this_thread(void);
