/* The version that --version prints. */
#ifndef ALLOT_SERVER_VERSION_H
#define ALLOT_SERVER_VERSION_H

#define ALLOT_VERSION "0.1.0"

#endif
