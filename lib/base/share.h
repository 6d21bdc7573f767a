/* SPDX-License-Identifier: MIT */
/* share.h - where nt's own data files are. */
#ifndef NT_BASE_SHARE_H
#define NT_BASE_SHARE_H

/*
 * The path of a file or folder under share/ ("zoo/resnet20.json"): in the folder that NT_SHARE
 * names, else in ../share/nt beside the program's own folder (installed), else in ../../share
 * (in the build folder). The first that exists; NULL where none does or memory ran out.
 * nt_free.
 */
char *nt_share_path(const char *name);

#endif
