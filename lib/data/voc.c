/* SPDX-License-Identifier: MIT */
/*
 * Pascal VOC: ImageSets/Main/SPLIT.txt names the samples, JPEGImages/NAME.jpg is a picture,
 * Annotations/NAME.xml has its objects. xmin, ymin, xmax and ymax count pixels from 1, and both
 * ends belong to the box, so that it covers [xmin - 1, xmax] x [ymin - 1, ymax]; it is cut at
 * the picture's edge. What has no area then is dropped and counted, and what begins and ends at
 * one pixel, too: a slip of the hand that marked it, of no area to those who count
 * differences.
 *
 * Classes are those of the description ("classes") in that order, or all names that occur in
 * Annotations, sorted: so every split has the same.
 */
#include "base/alloc.h"
#include "base/file.h"
#include "data/dir.h"
#include "data/source.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <libxml/parser.h>
#include <libxml/tree.h>

#define MAX_XML_BYTES ((size_t)1 << 26)

/* What a split's samples have, one behind the other. */
typedef struct objects {
    float (*box)[4];
    int32_t *label, *difficult;
    size_t n, cap;
} objects;

typedef struct names {
    const char **v;
    size_t n, cap;
} names;

/* A file that is being read. */
typedef struct annotation {
    nt_source *src;
    const char *file; /* for messages */
    double w, h;      /* of the picture; 0: not said */
    names *classes;   /* gathers the classes' names; */
    objects *to;      /* or takes the objects */
} annotation;

/* ---- XML */

static xmlNode *child(const xmlNode *n, const char *name)
{
    for (xmlNode *c = n ? n->children : NULL; c; c = c->next)
        if (c->type == XML_ELEMENT_NODE && strcmp((const char *)c->name, name) == 0)
            return c;
    return NULL;
}

/* The element's text without the space around it; xmlFree. NULL: it is missing, or has none. */
static char *text_of(const xmlNode *n)
{
    char *text = n ? (char *)xmlNodeGetContent(n) : NULL, *first = text;
    size_t size = text ? strlen(text) : 0;

    while (size > 0 && isspace((unsigned char)first[size - 1]))
        size--;
    while (size > 0 && isspace((unsigned char)*first)) {
        first++;
        size--;
    }
    if (size > 0) {
        memmove(text, first, size);
        text[size] = '\0';
        return text;
    }
    if (text)
        xmlFree(text);
    return NULL;
}

static nt_status number_of(double *out, const xmlNode *n, const char *name, nt_err *e)
{
    char *text = text_of(child(n, name)), *end = text;
    nt_status s = NT_OK;

    if (text)
        *out = strtod(text, &end);
    if (!text || *end || !isfinite(*out) || fabs(*out) > NT_IMAGE_MAX_SIDE)
        s = nt_fail(e, NT_EFORMAT, "%s: '%.40s', want a number", name, text ? text : "");
    if (text)
        xmlFree(text);
    return s;
}

static nt_status parse(xmlDoc **out, const char *path, nt_err *e)
{
    char *bytes = NULL;
    size_t n;
    nt_status s = NT_OK;

    NT_TRY(nt_file_read(&bytes, &n, path, MAX_XML_BYTES, e));
    xmlResetLastError();
    *out = xmlReadMemory(bytes, (int)n, NULL, NULL,
                         XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    if (*out && (*out)->intSubset) { /* entities would be expanded, however many */
        xmlFreeDoc(*out);
        *out = NULL;
        NT_TRY(nt_fail(e, NT_EFORMAT, "it has a document type, which is not read"));
    }
    if (!*out) {
        const xmlError *why = xmlGetLastError();
        int end = why && why->message ? (int)strcspn(why->message, "\n") : 0;

        s = nt_fail(e, NT_EFORMAT, "line %d: %.*s", why ? why->line : 0, end,
                    why && why->message ? why->message : "");
    }
done:
    nt_free(bytes);
    return s;
}

/* ---- objects */

static nt_status add_name(names *c, nt_source *src, const char *name, nt_err *e)
{
    const char **grown;

    for (size_t i = 0; i < c->n; i++)
        if (strcmp(c->v[i], name) == 0)
            return NT_OK;
    if (c->n == c->cap) {
        c->cap = c->cap ? 2 * c->cap : 64;
        if (!(grown = nt_realloc(c->v, c->cap, sizeof *grown)))
            return nt_fail_nomem(e);
        c->v = grown;
    }
    c->v[c->n] = nt_arena_strdup(src->arena, name);
    return c->v[c->n++] ? NT_OK : nt_fail_nomem(e);
}

static nt_status label_of(int32_t *out, const nt_source *src, const char *name, nt_err *e)
{
    for (int64_t i = 0; i < src->classes; i++)
        if (strcmp(src->class_names[i], name) == 0) {
            *out = (int32_t)i;
            return NT_OK;
        }
    return nt_fail(e, NT_EFORMAT, "class '%.60s' is not among \"classes\"", name);
}

static double clamp(double v, double most)
{
    return v < 0 ? 0 : most > 0 && v > most ? most : v;
}

/* In edges of pixels, within the picture. */
static nt_status read_box(float box[4], const annotation *a, const xmlNode *object, nt_err *e)
{
    static const char *const ends[] = {"xmin", "ymin", "xmax", "ymax"};
    const xmlNode *bounds = child(object, "bndbox");
    double v[4] = {0};
    nt_status s = NT_OK;

    if (!bounds)
        return nt_fail(e, NT_EFORMAT, "no bndbox");
    for (int i = 0; i < 4; i++)
        NT_TRY(number_of(&v[i], bounds, ends[i], e));
    for (int i = 0; i < 4; i++)
        box[i] = (float)clamp(i < 2 ? v[i] - 1 : v[i], i % 2 ? a->h : a->w);
    if (v[0] == v[2] || v[1] == v[3])
        memset(box, 0, 4 * sizeof *box);
done:
    return s;
}

static nt_status make_room(objects *to, nt_err *e)
{
    size_t cap = to->cap ? 2 * to->cap : 1024;
    void *box, *label, *difficult;

    if (to->n < to->cap)
        return NT_OK;
    if ((box = nt_realloc(to->box, cap, sizeof *to->box)))
        to->box = box;
    if ((label = nt_realloc(to->label, cap, sizeof *to->label)))
        to->label = label;
    if ((difficult = nt_realloc(to->difficult, cap, sizeof *to->difficult)))
        to->difficult = difficult;
    if (!box || !label || !difficult)
        return nt_fail_nomem(e);
    to->cap = cap;
    return NT_OK;
}

static nt_status drop(annotation *a, nt_err *e)
{
    nt_source *src = a->src;

    if (src->empty_boxes++ == 0 && !(src->first_empty = nt_arena_strdup(src->arena, a->file)))
        return nt_fail_nomem(e);
    return NT_OK;
}

static nt_status take_object(annotation *a, const xmlNode *object, const char *name, nt_err *e)
{
    objects *to = a->to;
    double difficult = 0;
    float *box;
    nt_status s = NT_OK;

    NT_TRY(make_room(to, e));
    box = to->box[to->n];
    NT_TRY(read_box(box, a, object, e));
    NT_TRY(label_of(&to->label[to->n], a->src, name, e));
    if (child(object, "difficult"))
        NT_TRY(number_of(&difficult, object, "difficult", e));
    to->difficult[to->n] = difficult != 0;
    if (!(box[2] > box[0] && box[3] > box[1]))
        NT_TRY(drop(a, e));
    else
        to->n++;
done:
    return s;
}

static nt_status read_object(annotation *a, const xmlNode *object, nt_err *e)
{
    char *name = text_of(child(object, "name"));
    nt_status s = NT_OK;

    if (!name)
        return nt_fail(e, NT_EFORMAT, "no name");
    s = a->classes ? add_name(a->classes, a->src, name, e) : take_object(a, object, name, e);
    xmlFree(name);
    return s;
}

static nt_status read_objects(annotation *a, const xmlNode *root, nt_err *e)
{
    const xmlNode *size = child(root, "size");
    int number = 0;
    nt_status s = NT_OK;

    if (!root || strcmp((const char *)root->name, "annotation") != 0)
        return nt_fail(e, NT_EFORMAT, "not an annotation");
    if (size && number_of(&a->w, size, "width", e) != NT_OK)
        return NT_EFORMAT;
    if (size && number_of(&a->h, size, "height", e) != NT_OK)
        return NT_EFORMAT;
    for (const xmlNode *c = root->children; c && s == NT_OK; c = c->next) {
        if (c->type != XML_ELEMENT_NODE || strcmp((const char *)c->name, "object") != 0)
            continue;
        number++;
        if ((s = read_object(a, c, e)) != NT_OK)
            nt_err_prefix(e, "object %d", number);
    }
    return s;
}

/* a->file within the data set's folder. */
static nt_status read_annotation(annotation *a, nt_err *e)
{
    char *path = nt_path_join(a->src->where, a->file);
    xmlDoc *doc = NULL;
    nt_status s = NT_OK;

    if (!path)
        return nt_fail_nomem(e);
    NT_TRY(parse(&doc, path, e));
    NT_TRY(read_objects(a, xmlDocGetRootElement(doc), e));
done:
    if (s == NT_EFORMAT)
        nt_err_prefix(e, "%s", path);
    xmlFreeDoc(doc);
    nt_free(path);
    return s;
}

/* ---- classes */

static nt_status see_classes(void *ctx, const char *path, const char *name, nt_err *e)
{
    annotation *a = ctx;
    char *file = nt_ends_with(name, ".xml") ? nt_path_join("Annotations", name) : NULL;
    nt_status s = NT_OK;

    (void)path;
    if (!nt_ends_with(name, ".xml"))
        return NT_OK;
    if (!file)
        return nt_fail_nomem(e);
    a->file = file;
    s = read_annotation(a, e);
    nt_free(file);
    return s;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* By the description, or by what there is. */
static nt_status find_classes(nt_source *src, nt_err *e)
{
    names c = {0};
    annotation a = {.src = src, .classes = &c};
    char *folder = NULL;
    nt_status s = NT_OK;

    NT_TRY(nt_source_read_classes(src, e));
    if (src->classes > 0 && !src->class_names)
        NT_TRY(nt_fail(e, NT_EINVAL, "classes: want an array of names"));
    if (src->classes > 0)
        goto done;
    if (!(folder = nt_path_join(src->where, "Annotations")))
        NT_TRY(nt_fail_nomem(e));
    NT_TRY(nt_dir_each(folder, &a, see_classes, e));
    if (c.n == 0)
        NT_TRY(nt_fail(e, NT_EFORMAT, "%s: no objects", folder));
    qsort(c.v, c.n, sizeof *c.v, by_name);
    if (!(src->class_names = nt_arena_dup(src->arena, c.v, c.n, sizeof *c.v)))
        NT_TRY(nt_fail_nomem(e));
    src->classes = (int64_t)c.n;
done:
    nt_free(c.v);
    nt_free(folder);
    return s;
}

/* ---- samples */

/* JPEGImages/NAME with the ending that is there. */
static nt_status find_picture(nt_encoded *out, nt_source *src, const char *name, nt_err *e)
{
    static const char *const endings[] = {"jpg", "jpeg", "png", "JPG", "JPEG",
                                          "PNG", "webp", "bmp", "tif", "ppm"};
    nt_status s = NT_OK;

    for (size_t i = 0; i < sizeof endings / sizeof *endings && s == NT_OK && !out->name; i++) {
        char *file = nt_strfmt("JPEGImages/%s.%s", name, endings[i]);
        char *path = file ? nt_path_join(src->where, file) : NULL;

        if (!path)
            s = nt_fail_nomem(e);
        else if (nt_path_exists(path) && !(out->name = nt_arena_strdup(src->arena, file)))
            s = nt_fail_nomem(e);
        nt_free(path);
        nt_free(file);
    }
    if (s == NT_OK && !out->name)
        s = nt_fail(e, NT_EIO, "%s/JPEGImages: no picture '%.80s'", src->where, name);
    return s;
}

static nt_status add_sample(nt_source *src, objects *to, const char *name, size_t *row,
                            nt_err *e)
{
    char *file = nt_strfmt("Annotations/%s.xml", name);
    annotation a = {.src = src, .file = file, .to = to};
    nt_status s = NT_OK;

    if (!file)
        return nt_fail_nomem(e);
    if (!nt_path_is_inside(name))
        NT_TRY(nt_fail(e, NT_EFORMAT, "'%.60s' lies outside the data set's folder", name));
    NT_TRY(find_picture(&src->items[src->count], src, name, e));
    NT_TRY(read_annotation(&a, e));
    row[++src->count] = to->n;
done:
    nt_free(file);
    return s;
}

/* The first word of each line of the split's list. */
static nt_status read_samples(nt_source *src, objects *to, size_t *row, char *text, nt_err *e)
{
    char *save = NULL;
    nt_status s = NT_OK;

    for (char *line = strtok_r(text, "\r\n", &save); line && s == NT_OK;
         line = strtok_r(NULL, "\r\n", &save)) {
        line += strspn(line, " \t");
        line[strcspn(line, " \t")] = '\0';
        if (*line)
            s = add_sample(src, to, line, row, e);
    }
    return s;
}

static nt_stored entries(const char *name, nt_role role, nt_dtype dtype, const void *data,
                         const size_t *row)
{
    nt_stored f = {{.name = name, .role = role, .dtype = dtype, .rank = 2}, data, row};

    if (role == NT_ROLE_BOXES) {
        f.field.rank = 3;
        f.field.dims[2] = 4;
    }
    return f;
}

/* The objects go into the arena, and become fields. */
static nt_status add_fields(nt_source *src, const objects *o, const size_t *row, nt_err *e)
{
    size_t n = o->n ? o->n : 1;
    void *box = nt_arena_alloc(src->arena, n, sizeof *o->box);
    void *label = nt_arena_alloc(src->arena, n, sizeof *o->label);
    void *difficult = nt_arena_alloc(src->arena, n, sizeof *o->difficult);
    nt_status s = NT_OK;

    if (!box || !label || !difficult)
        return nt_fail_nomem(e);
    if (o->n) {
        memcpy(box, o->box, n * sizeof *o->box);
        memcpy(label, o->label, n * sizeof *o->label);
        memcpy(difficult, o->difficult, n * sizeof *o->difficult);
    }
    NT_TRY(nt_source_add_field(src, entries("boxes", NT_ROLE_BOXES, NT_F32, box, row), e));
    NT_TRY(nt_source_add_field(src, entries("boxes.label", NT_ROLE_COLUMNS, NT_I32, label, row),
                               e));
    NT_TRY(nt_source_add_field(
        src, entries("boxes.difficult", NT_ROLE_COLUMNS, NT_I32, difficult, row), e));
done:
    return s;
}

static size_t count_lines(const char *text)
{
    size_t n = 1;

    while ((text = strchr(text, '\n'))) {
        text++;
        n++;
    }
    return n;
}

static nt_status read_split(nt_source *src, char *text, nt_err *e)
{
    size_t most = count_lines(text), *row = NULL;
    objects o = {0};
    nt_status s = NT_OK;

    src->items = nt_arena_alloc(src->arena, most, sizeof *src->items);
    row = nt_arena_alloc(src->arena, most + 1, sizeof *row);
    if (!src->items || !row)
        return nt_fail_nomem(e);
    row[0] = 0;
    memset(src->items, 0, most * sizeof *src->items);
    NT_TRY(read_samples(src, &o, row, text, e));
    if (src->count == 0)
        NT_TRY(nt_fail(e, NT_EFORMAT, "%s: the split names no samples", src->where));
    NT_TRY(add_fields(src, &o, row, e));
done:
    nt_free(o.box);
    nt_free(o.label);
    nt_free(o.difficult);
    return s;
}

static nt_status open_split(nt_source *src, const char *path, const char *split, nt_err *e)
{
    char *list = nt_strfmt("%s/ImageSets/Main/%s.txt", path, split), *text = NULL;
    size_t n;
    nt_status s = NT_OK;

    if (!list || !(src->where = nt_arena_strdup(src->arena, path)))
        NT_TRY(nt_fail_nomem(e));
    if (!nt_path_is_inside(split))
        NT_TRY(
            nt_fail(e, NT_EINVAL, "split '%.60s' lies outside the data set's folder", split));
    NT_TRY(nt_file_read(&text, &n, list, MAX_XML_BYTES, e));
    NT_TRY(find_classes(src, e));
    NT_TRY(read_split(src, text, e));
done:
    nt_free(list);
    nt_free(text);
    return s;
}

/* Splits; CLASS_SPLIT.txt are lists of one class. */
static nt_status list_entry(void *ctx, const char *path, const char *name, nt_err *e)
{
    char *split;
    nt_status s = NT_OK;

    (void)path;
    if (!nt_ends_with(name, ".txt") || strchr(name, '_'))
        return NT_OK;
    split = nt_strfmt("%.*s", (int)(strlen(name) - strlen(".txt")), name);
    if (!split || !nt_json_add_object(ctx, split))
        s = nt_fail_nomem(e);
    nt_free(split);
    return s;
}

static nt_status list(cJSON *splits, const char *path, nt_err *e)
{
    char *folder = nt_path_join(path, "ImageSets/Main");
    nt_status s = folder ? NT_OK : nt_fail_nomem(e);

    if (s == NT_OK && nt_is_dir(folder))
        s = nt_dir_each(folder, splits, list_entry, e);
    nt_free(folder);
    return s;
}

static const char *const keys[] = {"classes", NULL};

const nt_data_format nt_format_voc = {
    .name = "voc", .keys = keys, .list = list, .open = open_split};
