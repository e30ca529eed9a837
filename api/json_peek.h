/* Looks for a few texts in an object without reading all of it: for those who look at very many,
 * and to whom it does not matter what else is there. */
#ifndef ALLOT_API_JSON_PEEK_H
#define ALLOT_API_JSON_PEEK_H

#include <stdbool.h>

#include "core/span.h"

/* Of each of @count @names, *@ret is the text in the object @json, borrowed from it; {NULL, 0}: it
 * has no such field, or one that is no text. False, nothing said: it takes json_read to tell, for
 * there are escapes in one of them, or it is no object. What json_read would refuse for what
 * stands elsewhere may be taken here. Cost: the length of @json. */
bool json_peek_texts(struct span json, const struct span *names, int count, struct span *ret);

#endif
