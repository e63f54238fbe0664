#include "probe/expr.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/opt.h"

enum { NODES = 128, DEPTH = 32, TEXT_MAX = 64 };

enum kind { NODE_AND, NODE_OR, NODE_NUMBER, NODE_TEXT };
enum op { OP_EQ, OP_NE, OP_LT, OP_LE, OP_GT, OP_GE };

struct node {
	enum kind kind;
	enum op op;
	unsigned field;
	unsigned left, right; /* of AND and OR */
	uint64_t number;
	char text[TEXT_MAX];
};

struct expr {
	unsigned n, root;
	struct node nodes[NODES];
};

struct parser {
	struct expr *e;
	const char *whole, *at;
	struct diag *d;
	unsigned depth;
};

static int fail(struct parser *p, const char *what)
{
	char quoted[60];

	return diag_set(p->d, ERR_PARSE, "output filter, at '%s': %s",
	                log_quote(quoted, sizeof(quoted), p->at, strlen(p->at)), what);
}

static void skip_blanks(struct parser *p)
{
	p->at += strspn(p->at, " \t\r\n");
}

static bool take(struct parser *p, const char *token)
{
	size_t n = strlen(token);

	skip_blanks(p);
	if (strncmp(p->at, token, n) != 0)
		return false;
	p->at += n;
	return true;
}

static int new_node(struct parser *p, const struct node *node)
{
	if (p->e->n == NODES)
		return fail(p, "the expression is too long");
	p->e->nodes[p->e->n] = *node;
	return (int)p->e->n++;
}

static int read_field(struct parser *p, struct node *node)
{
	size_t n;

	skip_blanks(p);
	n = strspn(p->at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	                  "0123456789_-");
	for (unsigned i = 0; n && obs_field_name(i); i++)
		if (strlen(obs_field_name(i)) == n &&
		    !memcmp(obs_field_name(i), p->at, n)) {
			node->field = i;
			p->at += n;
			return 0;
		}
	return fail(p, "there is no such output field (--list-output-fields)");
}

static int read_op(struct parser *p, struct node *node)
{
	static const struct {
		const char *token;
		enum op op;
	} ops[] = { { "==", OP_EQ }, { "=", OP_EQ },  { "!=", OP_NE }, { "<=", OP_LE },
		    { "<", OP_LT },  { ">=", OP_GE }, { ">", OP_GT } };

	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (take(p, ops[i].token)) {
			node->op = ops[i].op;
			return 0;
		}
	return fail(p, "= != < <= > or >= is missing");
}

static int read_text(struct parser *p, struct node *node, char quote)
{
	const char *end = strchr(p->at + 1, quote);
	size_t n = end ? (size_t)(end - p->at - 1) : 0;

	if (!end || n >= TEXT_MAX)
		return fail(p, "a text without its end, or too long");
	if (node->op != OP_EQ && node->op != OP_NE)
		return fail(p, "texts are equal or not, and have no order");
	node->kind = NODE_TEXT;
	memcpy(node->text, p->at + 1, n);
	p->at = end + 1;
	return 0;
}

/* Whether there is any answer of which the field is a number. */
static bool is_number_field(unsigned field)
{
	char text[OBS_TEXT_MAX];
	uint64_t v;

	for (unsigned i = 0; i < OBS_PROTOS * OBS_OUTCOMES * 16; i++) {
		struct observation o = {
			.proto = (uint8_t)(i % OBS_PROTOS),
			.outcome = (uint8_t)(i / OBS_PROTOS % OBS_OUTCOMES),
			.rtt_us = 1,
			.tcp_flags = i / OBS_PROTOS / OBS_OUTCOMES % 2,
			.detail = (uint8_t)(i / OBS_PROTOS / OBS_OUTCOMES / 2)
		};

		if (obs_field_value(field, &o, &v, text) == OBS_NUMBER)
			return true;
	}
	return false;
}

/* A word that is no number stands for a text, as ZMap has it. */
static int read_word(struct parser *p, struct node *node, size_t n)
{
	if (n >= TEXT_MAX)
		return fail(p, "a text that is too long");
	if (is_number_field(node->field))
		return fail(p, "the field is a number");
	if (node->op != OP_EQ && node->op != OP_NE)
		return fail(p, "texts are equal or not, and have no order");
	node->kind = NODE_TEXT;
	memcpy(node->text, p->at, n);
	p->at += n;
	return 0;
}

static int read_value(struct parser *p, struct node *node)
{
	char digits[24];
	size_t n;

	skip_blanks(p);
	if (*p->at == '"' || *p->at == '\'')
		return read_text(p, node, *p->at);
	n = strspn(p->at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	                  "0123456789_-.:");
	if (n == 0)
		return fail(p, "a number or a text is missing");
	if (strspn(p->at, "0123456789") < n)
		return read_word(p, node, n);
	if (n >= sizeof(digits))
		return fail(p, "the number is too large");
	memcpy(digits, p->at, n);
	digits[n] = '\0';
	if (!opt_parse_count(&node->number, digits))
		return fail(p, "the number is too large");
	node->kind = NODE_NUMBER;
	p->at += n;
	return 0;
}

static int parse_or(struct parser *p);

static int parse_term(struct parser *p)
{
	struct node node = { .kind = NODE_NUMBER };
	int rc;

	if (take(p, "(")) {
		if (++p->depth > DEPTH)
			return fail(p, "too many parentheses");
		rc = parse_or(p);
		p->depth--;
		if (rc >= 0 && !take(p, ")"))
			return fail(p, ") is missing");
		return rc;
	}
	rc = read_field(p, &node);
	if (rc == 0)
		rc = read_op(p, &node);
	if (rc == 0)
		rc = read_value(p, &node);
	return rc < 0 ? rc : new_node(p, &node);
}

/* Terms that are joined by one operator, which binds to the left. */
static int parse_chain(struct parser *p, const char *token, enum kind kind,
                       int (*next)(struct parser *p))
{
	int left = next(p), right;

	while (left >= 0 && take(p, token)) {
		right = next(p);
		if (right < 0)
			return right;
		left = new_node(p, &(struct node){ .kind = kind,
		                                   .left = (unsigned)left,
		                                   .right = (unsigned)right });
	}
	return left;
}

static int parse_and(struct parser *p)
{
	return parse_chain(p, "&&", NODE_AND, parse_term);
}

static int parse_or(struct parser *p)
{
	return parse_chain(p, "||", NODE_OR, parse_and);
}

int expr_parse(struct expr **out, const char *text, struct diag *d)
{
	struct parser p = { .e = calloc(1, sizeof(*p.e)), .at = text, .d = d };
	int rc;

	if (!p.e)
		return -ENOMEM;
	rc = parse_or(&p);
	skip_blanks(&p);
	if (rc >= 0 && *p.at)
		rc = fail(&p, "&& or || is missing");
	if (rc < 0) {
		free(p.e);
		return rc;
	}
	p.e->root = (unsigned)rc;
	*out = p.e;
	return 0;
}

void expr_free(struct expr *e)
{
	free(e);
}

static bool compare(const struct node *n, const struct observation *o)
{
	char text[OBS_TEXT_MAX];
	uint64_t v;
	enum obs_kind kind = obs_field_value(n->field, o, &v, text);

	if (n->kind == NODE_TEXT)
		return (kind == OBS_TEXT && !strcmp(text, n->text)) == (n->op == OP_EQ);
	if (kind != OBS_NUMBER)
		return n->op == OP_NE;
	switch (n->op) {
	case OP_EQ: return v == n->number;
	case OP_NE: return v != n->number;
	case OP_LT: return v < n->number;
	case OP_LE: return v <= n->number;
	case OP_GT: return v > n->number;
	case OP_GE: return v >= n->number;
	}
	return false;
}

/* As deep as chains are long and parentheses nest: NODES bounds it. */
static bool holds(const struct expr *e, unsigned at, const struct observation *o)
{
	const struct node *n = &e->nodes[at];

	if (n->kind == NODE_AND)
		return holds(e, n->left, o) && holds(e, n->right, o);
	if (n->kind == NODE_OR)
		return holds(e, n->left, o) || holds(e, n->right, o);
	return compare(n, o);
}

bool expr_holds(const struct expr *e, const struct observation *o)
{
	return holds(e, e->root, o);
}
