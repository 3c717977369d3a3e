/* For cppcheck, which does not look into system headers. */
#define TAILQ_FOREACH(variable, head, field) \
    for ((variable) = (head)->tqh_first; (variable); (variable) = (variable)->field.tqe_next)
