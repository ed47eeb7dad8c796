#ifndef GP_COMPOSITOR_GUEST_TEXT_H
#define GP_COMPOSITOR_GUEST_TEXT_H

#include <stdbool.h>

/**
 * What strings of clients may be.
 */

/* Valid UTF-8 as in RFC 3629: no overlong forms, no surrogates. Control characters are fine. */
bool gp_text_is_utf8(const char *text);
/* Valid UTF-8 without C0 and C1 control characters and DEL. */
bool gp_text_is_printable(const char *text);
/* domain:bus:device.function in hexadecimal, as in "0000:03:00.1". */
bool gp_text_is_pci_address(const char *text);

#endif
