/* SPDX-License-Identifier: MIT */
/*
 * score.h - several ways to one size, of which only the best are trained.
 *
 * A network can be pruned to a size by one criterion or another, and with more or less weight
 * on its arithmetic. Which way is best differs from network to network, and shows before any
 * training: normalisations settle (train/settle.h), and the metric is measured. So the search
 * appends each way to a size as a candidate that is not trained, and once these are measured
 * the best of them as candidates that are: successive halving (Jamieson & Talwalkar 2016,
 * arXiv:1502.07943) of two rounds. What is trained is pruned from the same parent once more.
 *
 * The search goes on from what was trained; what was only scored is a candidate like others,
 * and a result where nothing of about its size that is better was trained. One size comes
 * after the other, however many candidates are made side by side: the search stays the same.
 */
#ifndef NT_SEARCH_SCORE_H
#define NT_SEARCH_SCORE_H

#include "search/search.h"

/* How many ways to the next size are scored: of o.ways those that the data and what is left of
 * o.scored allow; 0: none, where there are no more than are to be trained. */
int nt_score_ways(const nt_search *q);
/* Appends `ways` ways to do what c does first, untrained; *n counts them. */
nt_status nt_score_add(nt_search *q, const nt_candidate *c, int ways, int *n,
                       nt_err *e) NT_MUST_CHECK;
/* Are the last candidates scored, so that now the best of them are to be trained? */
bool nt_score_is_due(const nt_search *q);
/* Appends these, o.keep and at most `max`; *n is how many. */
nt_status nt_score_train(nt_search *q, int64_t max, int *n, nt_err *e) NT_MUST_CHECK;

#endif
