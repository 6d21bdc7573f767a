/* SPDX-License-Identifier: MIT */
/*
 * model.h - what every tool passes on: a graph and what ONNX has no word for, in one archive.
 *
 * Loading takes an archive, a bare .onnx, or either on standard input ("-"); it reads ONNX,
 * binds the operators, infers shapes and folds shape arithmetic. Saving writes model.onnx from
 * the graph, the masks, the manifest (signature, layers, history) and carries every other
 * member.
 */
#ifndef NT_GRAPH_MODEL_H
#define NT_GRAPH_MODEL_H

#include "archive/archive.h"
#include "graph/graph.h"
#include "graph/load_log.h"

typedef struct nt_model nt_model;

/* path as above. ops: nt_ops_table() of the layer op. The message names the path. */
nt_status nt_model_load(nt_model **out, const char *path, const nt_graph_ops *ops,
                        nt_err *e) NT_MUST_CHECK;
/* The same without a digest, which takes a quarter of the time: for what is run and not saved.
 */
nt_status nt_model_load_to_run(nt_model **out, const char *path, const nt_graph_ops *ops,
                               nt_err *e) NT_MUST_CHECK;
/* As nt_model_load, for what changes weights or trains them: a model in float16 or bfloat16 is
 * brought to float32, inputs and outputs too. *widened: it was such. */
nt_status nt_model_load_f32(nt_model **out, const char *path, const nt_graph_ops *ops,
                            bool *widened, nt_err *e) NT_MUST_CHECK;
/* As nt_model_load; what becomes of the file's nodes is written down in log. */
nt_status nt_model_load_logged(nt_model **out, const char *path, const nt_graph_ops *ops,
                               nt_load_log *log, nt_err *e) NT_MUST_CHECK;
/* As nt_model_load, to be described and not computed with: the manifest and the graph are
 * checked, the members' SHA-256 are not. */
nt_status nt_model_look(nt_model **out, const char *path, const nt_graph_ops *ops,
                        nt_err *e) NT_MUST_CHECK;
/* A model as it stands in the file, whatever is in it: bound to no operators, nothing inferred
 * or folded. To be looked at. */
nt_status nt_model_peek(nt_model **out, const char *path, nt_err *e) NT_MUST_CHECK;
/* Wraps a graph (taken, also on failure) that is bound to `ops`, inferred. */
nt_status nt_model_from_graph(nt_model **out, nt_graph *g, nt_err *e) NT_MUST_CHECK;
nt_status nt_model_save(nt_model *m, const char *path, nt_err *e) NT_MUST_CHECK;
void nt_model_free(nt_model *m);

nt_graph *nt_model_graph(nt_model *m);
/* Replaces the graph (taken). */
void nt_model_take_graph(nt_model *m, nt_graph *g);
/* The members but model.onnx, weights.bin and the masks, which saving writes anew. */
nt_archive *nt_model_archive(nt_model *m);
/* What a user should know of the model that was loaded: a line for each way in which nodes are
 * run otherwise than they are written ("node 'bn1' and 3 more: BatchNormalization: ..."). NULL:
 * nothing. */
const char *nt_model_remarks(const nt_model *m);
/* Was it read from an archive, rather than a bare .onnx? */
bool nt_model_is_archived(const nt_model *m);
/* SHA-256 of the bytes the model was read from, unpacked where they were compressed ("" when
 * made in memory, or loaded to run). */
const char *nt_model_digest(const nt_model *m);
/* Bytes read; 0 when made in memory. */
size_t nt_model_file_size(const nt_model *m);
/* Appends to the manifest's history: record ({"tool", "version", "options", "seed"}: taken)
 * with "inputs": {"model": digest, and the others given as name, digest pairs}. */
nt_status nt_model_add_history(nt_model *m, cJSON *record, nt_err *e) NT_MUST_CHECK;
/* "classification" by default, from the manifest. */
const char *nt_model_task(const nt_model *m);
nt_status nt_model_set_task(nt_model *m, const char *task, nt_err *e) NT_MUST_CHECK;

/* quant.json, nt_json_free; NULL where there is none, or it cannot be read. */
cJSON *nt_model_quant_record(const nt_model *m);
nt_status nt_model_set_quant_record(nt_model *m, const cJSON *record, nt_err *e) NT_MUST_CHECK;
/* The bits of a quantized parameter by such a record (NULL: none): X, or X_quantized where its
 * integers are in the graph. 0 where it says nothing. */
int nt_quant_bits(const cJSON *record, const char *parameter);

/*
 * Masks: masks/PARAMETER.npy (uint8, the parameter's shape, 1 keeps) and masks.json. Kept in
 * the archive; these read and write them. In member names all but letters, digits and "._:-" is
 * written %XX. Saving leaves out masks of parameters that the graph no longer has.
 * nt_mask_member: NULL when memory ran out. nt_model_mask: NULL where the parameter has none;
 * borrowed.
 */
char *nt_mask_member(const char *parameter); /* "masks/conv1.weight.npy"; nt_free */
const nt_tensor *nt_model_mask(const nt_model *m, const char *parameter);
/* Takes the mask (also on failure). NT_EINVAL where it does not fit the parameter. */
nt_status nt_model_take_mask(nt_model *m, const char *parameter, nt_tensor *mask,
                             nt_err *e) NT_MUST_CHECK;
void nt_model_clear_masks(nt_model *m);
bool nt_model_has_masks(const nt_model *m);
/* masks.json as an object layer -> {granularity, axis, sparsity, kept}; created when missing;
 * borrowed, may be changed. NULL when memory ran out. */
cJSON *nt_model_masks_json(nt_model *m);

#endif
