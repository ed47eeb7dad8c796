#ifndef GP_CTL_DOCUMENT_H
#define GP_CTL_DOCUMENT_H

struct json_object;

/* Prints the status of guestpane or of a bridge on stdout, for people: lines and tables. */
void gp_document_print(struct json_object *document);

#endif
