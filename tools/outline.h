/* What an ONNX file says about itself when no graph can be built from it: `ingot info`
 * shows it for models with unsupported operators. */
#ifndef TOOLS_OUTLINE_H
#define TOOLS_OUTLINE_H

#include <ingot/ingot.h>

/* JSON with the keys of ig_model_describe as far as the file alone knows them;
 * igi_free. The file is scanned and unpacked with all checks of the importer. */
ig_status outline_describe(char **json, const char *path, const ig_limits *limits);

#endif
