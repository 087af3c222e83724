/* The host, and the devices that plugins bring. */
#include <stdio.h>
#include <string.h>

#include "graph/core/alloc.h"
#include "graph/ir/registry_build.h"

ig_status igi_registry_set_host(ig_registry *r, const igi_host *h)
{
    if (h->struct_size != sizeof(*h))
        return ig_fail(IG_INVALID_ARGUMENT, "the host's struct_size is wrong");
    r->host = h;
    return IG_OK;
}

const igi_host *igi_registry_host(const ig_registry *r)
{
    return r->host;
}

const ig_device_def *igi_registry_device(const ig_registry *r, int device)
{
    return device > 0 && device < IGI_DEVICES ? r->devices[device] : NULL;
}

ig_status igi_registry_find_device(const ig_registry *r, const char *name, int *out)
{
    char known[256] = "cpu";
    size_t at = 3;
    *out = 0;
    if (!name || !strcmp(name, "cpu"))
        return IG_OK;
    for (int d = 1; d < IGI_DEVICES && r->devices[d]; d++) {
        if (!strcmp(r->devices[d]->name, name)) {
            *out = d;
            return IG_OK;
        }
        int w = snprintf(known + at, sizeof(known) - at, ", %s", r->devices[d]->name);
        at += w > 0 && at + (size_t)w < sizeof(known) ? (size_t)w : 0;
    }
    return ig_fail(IG_DEVICE,
                   "there is no device '%s', only: %s; devices come with plugins "
                   "(--plugin, ig_registry_load_plugin)",
                   name, known);
}

/* ---- those of a plugin ---- */

static ig_status add_device(ig_registry *r, const ig_device_def *given)
{
    const char *name = given->name ? given->name : "?";
    int at = 1;
    while (at < IGI_DEVICES && r->devices[at] &&
           strcmp(r->devices[at]->name, name) != 0)
        at++;
    if (at == IGI_DEVICES)
        return ig_fail(IG_LIMIT, "device %s: there are %d already", name,
                       IGI_DEVICES - 1);
    if (r->devices[at] || !strcmp(name, "cpu"))
        return ig_fail(IG_INVALID_ARGUMENT, "device %s is there already", name);
    ig_device_def *own = igi_alloc(sizeof(*own));
    if (!own)
        return IG_OUT_OF_MEMORY;
    ig_status rc = igi_registry_copy_sized(own, sizeof(*own), given, "device", name);
    bool whole = own->name && own->doc && own->open && own->close && own->alloc &&
                 own->release && own->upload && own->download && own->move && own->wait;
    bool captures =
        own->capture_begin && own->capture_end && own->replay && own->graph_free;
    if (rc == IG_OK && (!whole || (own->capture_begin && !captures)))
        rc = ig_fail(IG_INVALID_ARGUMENT,
                     "device %s lacks one of its functions (open, close, alloc, "
                     "release, upload, download, move, wait; all for capture or none)",
                     name);
    if (rc != IG_OK) {
        igi_free(own);
        return rc;
    }
    r->devices[at] = own;
    return IG_OK;
}

int igi_registry_count_devices(const ig_registry *r)
{
    int n = 1;
    while (n < IGI_DEVICES && r->devices[n])
        n++;
    return n;
}

void igi_registry_drop_devices(ig_registry *r, int before)
{
    for (int d = before; d < IGI_DEVICES; d++) {
        igi_free(r->devices[d]);
        r->devices[d] = NULL;
    }
}

ig_status igi_registry_add_devices(ig_registry *r, const ig_plugin *p)
{
    for (int i = 0; p->devices && p->devices[i]; i++)
        IG_TRY(add_device(r, p->devices[i]));
    return IG_OK;
}
