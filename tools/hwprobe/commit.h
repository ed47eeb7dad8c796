#ifndef GP_TOOLS_HWPROBE_COMMIT_H
#define GP_TOOLS_HWPROBE_COMMIT_H

/* Shows buffers in the card's own mode on its first connected connector. */
void hw_try_commit(int card);

#endif
