/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_rot.c - disks that cannot be trusted. Driven by the faults (sim_faults.c).
 * One node's disk rots: a bit of any file of a replica flips, or of the checkpoints beside it. Not
 * tried are the identity of the node (meta.properties, partition.metadata) and its part of the
 * quorum (tests/broker/check_quorum_damage.c).
 * Or one node's disk lies: it writes down in its own time, and a power loss takes what was synced
 * since then.
 *   (U1) What it has lost is on other disks: it is harmed only while all others are well, and
 *        nothing happens to those until it is known as a new incarnation. (Were all of them to come
 *        back at once, the last leader would be elected, unclean, whatever it has.)
 */
#include "tests/sim/sim_cluster.h"

#include "protocol/base/alloc.h"

enum { ROT_FILES_MAX = 4000, ROT_TRIES = 20 };

struct rot_files {
    struct vfs *vfs;
    const char *dir;
    const char *kind; /* how their names end */
    char *paths[ROT_FILES_MAX];
    uint32_t count;
};

static bool ends_with(const char *name, const char *end)
{
    size_t len = strlen(name), end_len = strlen(end);
    return len >= end_len && strcmp(name + len - end_len, end) == 0;
}

/* The newest metadata that anybody has. */
static const struct image *newest_image(const struct sim_cluster *c)
{
    const struct image *newest = NULL;
    for (uint32_t i = 0; i < c->node_count; i++) {
        const struct broker *b = c->nodes[i].broker;
        if (b && (!newest || b->image.end_offset > newest->end_offset)) {
            newest = &b->image;
        }
    }
    return newest;
}

/* It runs, the cluster knows it as what it is now, and nothing is wrong with its disk. */
static bool is_well(const struct image *img, const struct sim_node_faults *f)
{
    const struct sim_node *n = f->node;
    const struct sim_disk_faults *d = &n->disk.faults;
    return n->state == SIM_NODE_UP && n->host->running && image_broker_is_active(img, n->id) &&
           image_broker(img, n->id)->epoch == n->broker->broker_epoch && !f->sick && !f->unsynced &&
           !d->capacity_bytes && !d->ops_until_death && !d->writes_until_failure &&
           !d->syncs_until_failure;
}

/* Whether all that the node may lead has another replica that may. */
static bool is_dispensable(const struct image *img, int32_t id)
{
    uint32_t cursor = 0;
    for (const struct image_topic *t; (t = map_next(&img->topics_by_id, &cursor, NULL));) {
        for (int32_t i = 0; i < t->partition_count; i++) {
            const struct image_partition *p = &t->partitions[i];
            bool counts =
                image_has_id(p->isr, p->isr_count, id) || image_has_id(p->elr, p->elr_count, id);
            if (counts && p->isr_count + p->elr_count == 1) {
                return false;
            }
        }
    }
    return true;
}

bool sim_may_harm(struct sim_cluster *c, const struct sim_node *n)
{
    const struct image *img = newest_image(c);
    for (uint32_t i = 0; i < c->node_count; i++) {
        if (&c->nodes[i] != n && !(img && is_well(img, &c->node_faults[i]))) {
            return false;
        }
    }
    if (!img || !is_dispensable(img, n->id) || !sim_net_is_whole(&c->world)) {
        return false;
    }
    c->harmed_starts = n->starts;
    return true;
}

bool sim_is_harmed(struct sim_cluster *c)
{
    uint32_t id = c->options.liar ? c->options.liar : c->options.rotten;
    const struct image *img = newest_image(c);
    if (!c->harmed_starts || !id) {
        return false;
    }
    const struct sim_node *n = &c->nodes[id - 1];
    if (n->starts > c->harmed_starts && img && is_well(img, &c->node_faults[id - 1])) {
        c->harmed_starts = 0;
    }
    return c->harmed_starts != 0;
}

static void add_file(void *ctx, const char *name)
{
    struct rot_files *r = ctx;
    char path[512];
    if (ends_with(name, r->kind) && r->count < ROT_FILES_MAX) {
        snprintf(path, sizeof(path), "%s/%s", r->dir, name);
        r->paths[r->count++] = mem_strdup(path);
    }
}

static void add_dir(void *ctx, const char *name)
{
    struct rot_files *r = ctx;
    struct vfs_stat st;
    struct error err;
    char path[512];
    snprintf(path, sizeof(path), SIM_NODE_DIR "/%s", name);
    if (strncmp(name, "__cluster_metadata", 18) == 0 || r->vfs->ops->stat(r->vfs, path, &st) ||
        !st.is_dir) {
        return;
    }
    r->dir = path;
    (void)r->vfs->ops->list(r->vfs, path, add_file, r, &err);
    r->dir = SIM_NODE_DIR;
}

void sim_rot(struct sim_node *n, const char *name_end)
{
    struct rot_files *r = mem_zalloc(sizeof(*r));
    struct error err;
    struct vfs_stat st;
    bool off = n->disk.off, flipped = false;
    n->disk.off = false; /* to look at it */
    r->vfs = &n->disk.vfs;
    r->dir = SIM_NODE_DIR;
    r->kind = name_end;
    (void)r->vfs->ops->list(r->vfs, r->dir, add_file, r, &err);
    (void)r->vfs->ops->list(r->vfs, SIM_NODE_DIR, add_dir, r, &err);
    for (int i = 0; r->count && i < ROT_TRIES && !flipped; i++) {
        const char *path = r->paths[sim_random(n->world, r->count)];
        if (r->vfs->ops->stat(r->vfs, path, &st) == ERR_OK && st.size_bytes > 0) {
            uint64_t at = sim_random(n->world, st.size_bytes);
            flipped = sim_disk_flip(&n->disk, path, at);
            if (flipped) {
                sim_trace(n->world, n->host, "a bit flips in %s, byte %llu of %llu", path,
                          (unsigned long long)at, (unsigned long long)st.size_bytes);
            }
        }
    }
    for (uint32_t i = 0; i < r->count; i++) {
        mem_free(r->paths[i]);
    }
    mem_free(r);
    n->disk.off = off;
}
