#ifndef GP_COMMON_EDID_H
#define GP_COMMON_EDID_H

#include <stddef.h>
#include <stdint.h>

#include "common/monitor.h"

/**
 * Writes an EDID 1.4 base block and, if modes do not fit there, one extension block: CTA-861 or
 * DisplayID (VESA E-EDID 1.4; CTA-861-G; VESA DisplayID 1.3).
 */

#define GP_EDID_SIZE_MAX 256

/**
 * Writes the EDID of the monitor into out and returns its size: 128 or 256.
 *
 * The preferred mode is a detailed timing (CVT reduced blanking v1 line counts; the pixel clock is
 * chosen so that clock / (htotal × vtotal) is the wanted refresh as exactly as 10 kHz steps allow:
 * blanking is adjusted to come within 0.05 %, usually within 0.005 %). A mode too large for a
 * detailed timing of the base block (over 4095 pixels or 655.35 MHz) is a type I timing in a
 * DisplayID extension; the base block then has the same mode at half the size, or a quarter, as
 * its own.
 *
 * Further modes become established or standard timings where they can be expressed (those of VESA
 * DMT; guests ignore others), and detailed timings in the extension otherwise, as many as fit: six
 * in a CTA-861 block, two in a DisplayID block, which is used as soon as one mode needs it. A
 * monitor with a single mode gets well-known smaller sizes as additional modes: fbcon goes dark
 * when the only mode grows. 640x480 is always there.
 *
 * Sizes are taken as 64 to 16384 pixels, the refresh as 15 to 1000 Hz, or 60 Hz if unknown; a
 * monitor whose size in mm is unknown has 96 dpi. make is used if it is a PNP id of three capitals,
 * else the id is "GPN"; the name is the model, else the make, else "Guestpane". Names and serials
 * are cut at 13 characters.
 */
size_t gp_edid_write(const struct gp_monitor *monitor, uint8_t out[GP_EDID_SIZE_MAX]);

#endif
