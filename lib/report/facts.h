/* SPDX-License-Identifier: MIT */
/*
 * facts.h - what the folder of a finished job says, in the words of its page.
 *
 * Times. Two measurements of different moments do not compare: a candidate's time is its share
 * of the reference's, measured in turn with it, times the one time of the reference that the
 * whole page has.
 */
#ifndef NT_REPORT_FACTS_H
#define NT_REPORT_FACTS_H

#include "report/html.h"

typedef struct nt_facts {
    const nt_html_job *job;
    const cJSON *metrics, *ref, *candidates;
    const cJSON *was, *is;  /* profiles of the reference and of the result */
    const cJSON *turns;     /* how the times of these two compare; NULL: not known */
    const cJSON *result;    /* the candidate that is the result; NULL: the reference */
    const char *key, *best; /* metric; id of the best candidate, "reference" */
    double target_ms;       /* 0: what is promised is delta */
    bool dry, by_time;      /* what is to become less is time */
    bool surely;            /* drops are the upper bounds of their 95 % intervals */
    bool more_is_better;
} nt_facts;

/* Borrows all of job. NT_EFORMAT where it is none of a finished job. */
nt_status nt_facts_read(nt_facts *f, const nt_html_job *job, nt_err *e) NT_MUST_CHECK;

/* Of an object; NAN and "" where there is no such key. */
double nt_fact_number(const cJSON *o, const char *key);
const char *nt_fact_text(const cJSON *o, const char *key);

/* Share of the reference's time; NAN: not known. c may be f->ref. */
double nt_facts_time_share(const nt_facts *f, const cJSON *c);
double nt_facts_ms(const nt_facts *f, const cJSON *c);
/* Of the result, as the last comparison has it. */
double nt_facts_result_share(const nt_facts *f);
bool nt_facts_is_disturbed(const cJSON *c);
/* Is any time of the search, or the last comparison? */
bool nt_facts_any_disturbed(const nt_facts *f);

/* "0.29 ms", with a dagger where it is disturbed. */
#define NT_FACTS_MARK "\xe2\x80\xa0"

/* What follows appends plain text: whoever writes it escapes it. */

/* "Compression, then quantization: job 0123ABCD" */
void nt_facts_title(nt_str *t, const nt_facts *f);
/* What came out, and what was promised. */
void nt_facts_verdict(nt_str *t, const nt_facts *f);
/* "within delta", "within the target" */
const char *nt_facts_bound(const nt_facts *f);
/* "pruned to 25 % of the reference's parameters, trained on" */
void nt_facts_stages(nt_str *t, const cJSON *candidate);
/* The lines of the job's log that made candidate `id`, or the result where id is NULL. */
void nt_facts_commands(nt_str *t, const nt_facts *f, const char *id);
/* By id; NULL: the reference, or there is none. */
const cJSON *nt_facts_find(const nt_facts *f, const char *id);

#endif
