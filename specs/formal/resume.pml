/* Resume: an old connection whose bytes are still on the way, attempts that are given up, chains, a rekey in flight at the cut.
   Models: one session, both directions, application messages of either end at any time, rekeys of either end (collision
     included) on any connection, up to CUTS connections that the client gives up at any moment. What it had sent there arrives at
     any later time, in order, up to any point: so also a `resumed` of an attempt given up long ago.
   Rules: SH and CH announce `rcv`; each sender goes on from the peer's `rcv`; control numbers are filled by `void`; the old
     connection is read until `resumed` verifies, then `delivered` is set and what is at or below it is dropped; confirmation is a
     compare-and-set base -> new; the server keeps the chain before the newest until a message under the new epoch verifies; the
     client keeps every chain of an unconfirmed resume and its base until a message of the server verifies under one of them; it
     tries each chain it holds, in any order, the round twice, and makes a full handshake rather than derive a fifth; it sends
     application messages once it has verified the `resumed` of the server.
   Shows: each message is committed exactly once and in order, both ways; `rcv` is never below what was acknowledged nor above
     what was sent; both ends always hold a common chain (client <= 4, server <= 2), and the client finds it within two rounds.
   Leaves out: the cipher, expiry, acknowledgements while connected, authorization, several nodes (one compare-and-set for all).
   Variant: EARLYSEND    the client sends right after its own `resumed`
   Controls: NODELIVERED  without the mark
             NOSTOP       the old connection is read on after `resumed`
             NORETAIN     each end keeps the newest chain only
             KEEPTWO      the client keeps the newest chain and its base only
             NOCAS        confirmation does not compare
             ONEROUND     the client gives up after one round
             NOVOID       the numbers of control messages are skipped */
#ifndef CUTS
#define CUTS 2
#endif
#ifndef CMESSAGES
#define CMESSAGES 1
#endif
#ifndef SMESSAGES
#define SMESSAGES 1
#endif
#ifndef REKEYS
#define REKEYS 1
#endif
#define SLOTS 4
#define NONE 15
#define HELD 8               /* chain ids in use at once */
mtype = { CH, SH, NO, RESUMED, ANSWER, APP, VOID, RK1, RK2, ACK, /* states */ FRESH, PENDING, LIVE, DEAD, HELLO, DERIVED, FULL };
/* kind, number or chain, rcv or chain */
chan c2s[SLOTS] = [12] of { mtype, byte, byte };
chan s2c[SLOTS] = [12] of { mtype, byte, byte };

/* client */
byte cc, cuts;               /* current connection; how many it will give up */
mtype cst = LIVE;
byte cset = 1, ctried, cround, cbase, cnew;    /* chains held, tried in this round; base and result of the attempt */
byte clast, crcv, cfloor, cctl;                /* numbers: last used, committed, acknowledged; the control ones (bits) */
byte capp = CMESSAGES, crekey = REKEYS;
bool cwait;
/* server */
byte sc;
mtype sst[SLOTS];
byte sbase[SLOTS], snc[SLOTS], snxt[SLOTS];    /* of a connection: base chain, new chain, last number read */
byte snew, sprev = NONE;
byte srcv, delivered, slast, sfloor, sctl;
byte sapp = SMESSAGES, srekey = REKEYS;
bool swait;

#define BIT(set, i) ((set >> i) & 1)
#define INDEXED(x) (x == snew || x == sprev)
#define COMMON (BIT(cset, snew) || (sprev != NONE && BIT(cset, sprev)))
#define PENDS(k, v) (sst[k] == PENDING && (sbase[k] == v || snc[k] == v))
#define USED(v) (BIT(cset, v) || INDEXED(v) || PENDS(1, v) || PENDS(2, v) || PENDS(3, v))
#define COUNT (BIT(cset, 0) + BIT(cset, 1) + BIT(cset, 2) + BIT(cset, 3) + BIT(cset, 4) + BIT(cset, 5) + BIT(cset, 6) + BIT(cset, 7))
#ifdef EARLYSEND
#define CSENDS (cst == LIVE || cst == DERIVED)
#else
#define CSENDS (cst == LIVE)
#endif
#define SSENDS (sst[sc] == LIVE)
#ifdef NOCAS
#define SWAPS(base) true
#else
#define SWAPS(base) INDEXED(base)
#endif
/* chains kept when another one is derived: by the client in a rekey and in a resume, by the server */
#ifdef NORETAIN
#define CREKEYED 0
#define CRESUMED 0
#define SREKEYED NONE
#else
#ifdef KEEPTWO
#define CRESUMED (1 << cbase)
#else
#define CRESUMED cset
#endif
#define CREKEYED cset
#define SREKEYED snew
#endif
#define READS(k) (nempty(c2s[k]) && sst[k] != DEAD)

inline fresh(v) { v = 0; do :: v < HELD && USED(v) -> v++ :: else -> break od; assert(v < HELD) }
inline clear(q) { do :: nempty(q) -> q?_, _, _ :: empty(q) -> break od }
inline c2(kind_, a_, b_) { assert(nfull(c2s[cc])); c2s[cc]!kind_, a_, b_ }
inline s2(k_, kind_, a_, b_) {
  if
  :: k_ == cc && cst != FULL -> assert(nfull(s2c[k_])); s2c[k_]!kind_, a_, b_
  :: else                                                 /* nobody reads there */
  fi
}
inline cctrl(kind_, b_) { clast++; assert(clast < 8); cctl = cctl | (1 << clast); c2(kind_, clast, b_) }
inline sctrl(kind_, b_) { slast++; assert(slast < 8); sctl = sctl | (1 << slast); s2(sc, kind_, slast, b_) }

#ifdef NOVOID
#define FILL(put) skip
#else
#define FILL(put) put
#endif
/* at once: whether a queue is filled now or bit by bit makes no difference to who reads it or loses its end */
inline cresend(n) { do :: n < clast -> n++; if :: BIT(cctl, n) -> FILL(c2(VOID, n, 0)) :: else -> c2(APP, n, 0) fi :: else -> break od }
inline sresend(n) { do :: n < slast -> n++; if :: BIT(sctl, n) -> FILL(s2(sc, VOID, n, 0)) :: else -> s2(sc, APP, n, 0) fi :: else -> break od }

proctype Client() {
  mtype kind; byte a, b;
end:
  do
  :: atomic { CSENDS && capp > 0 -> capp--; clast++; c2(APP, clast, 0) }
  :: atomic { cst == LIVE && crekey > 0 && !cwait && COUNT == 1 -> crekey--; cwait = true; cctrl(RK1, 0) }
  :: atomic { cc < cuts && cst != FULL ->                 /* gives this connection up */
       clear(s2c[cc]);
       if
       :: cst == HELLO ->                                 /* a late CH changes nothing */
            clear(c2s[cc]); sst[cc] = DEAD; sbase[cc] = 0; snc[cc] = 0; snxt[cc] = 0
       :: else
       fi;
       cc++; cst = FRESH; ctried = 0; cround = 0; cwait = false; cbase = 0; cnew = 0 }
  :: atomic { cst == FRESH ->
       if
       :: COUNT == 4 -> cst = FULL; clear(s2c[cc])
       :: else ->
            if
            :: (cset & (255 - ctried)) == 0 -> cround++; ctried = 0;
#ifdef ONEROUND
                 assert(cround < 1)
#else
                 assert(cround < 2)
#endif
            :: else
            fi;
            a = 0;
            do
            :: BIT(cset, a) && !BIT(ctried, a) -> break   /* any of them */
            :: a < HELD - 1 && (cset & (255 - ctried)) >> (a + 1) -> a++
            od;
            cbase = a; ctried = ctried | (1 << a); cst = HELLO; c2(CH, a, crcv); a = 0
       fi }
  :: atomic { nempty(s2c[cc]) -> s2c[cc]?kind, a, b;
       if
       :: kind == NO -> clear(c2s[cc]); clear(s2c[cc]); sst[cc] = FRESH; sbase[cc] = 0; snc[cc] = 0; snxt[cc] = 0;
            cst = FRESH; cbase = 0; cnew = 0
       :: kind == SH ->
            assert(cst == HELLO && b <= clast && b >= cfloor);
            cfloor = b; cnew = a; cst = DERIVED;
            cset = CRESUMED | (1 << a);
            assert(COUNT <= 4);
            c2(RESUMED, 0, crcv);
#ifdef EARLYSEND
            cresend(b)
#endif
       :: kind == ANSWER ->
            assert(cst == DERIVED);
            cset = 1 << cnew; cst = LIVE; ctried = 0; cround = 0; cbase = 0; cnew = 0;
#ifndef EARLYSEND
            b = cfloor; cresend(b)
#endif
       :: else ->
            assert(cst == LIVE && a == crcv + 1);         /* exactly once and in order */
            assert((kind == APP) == !BIT(sctl, a));
            crcv = a;
            if
            :: kind == RK1 -> cwait = false; fresh(a); cnew = a; cset = CREKEYED | (1 << a);
                 cctrl(RK2, a); cctrl(ACK, 0)
            :: kind == RK2 -> cwait = false; cnew = b; cset = CREKEYED | (1 << b);
                 cctrl(ACK, 0)
            :: kind == ACK -> cset = 1 << cnew; cnew = 0
            :: else
            fi
       fi;
       assert(COMMON);
       kind = 0; a = 0; b = 0 }
  od
}

proctype Server() {
  mtype kind; byte a, b, k;
end:
  do
  :: atomic { SSENDS && sapp > 0 -> sapp--; slast++; s2(sc, APP, slast, 0) }
  :: atomic { SSENDS && srekey > 0 && !swait && sprev == NONE -> srekey--; swait = true; sctrl(RK1, 0) }
  :: atomic { READS(0) || READS(1) || READS(2) || READS(3) ->
       if :: READS(0) -> k = 0 :: READS(1) -> k = 1 :: READS(2) -> k = 2 :: READS(3) -> k = 3 fi;
       c2s[k]?kind, a, b;
       if
       :: kind == CH ->
            assert(b <= slast && b >= sfloor);
            if
            :: INDEXED(a) -> sbase[k] = a; fresh(a); snc[k] = a; snxt[k] = srcv; sst[k] = PENDING; s2(k, SH, a, srcv)
            :: else -> s2(k, NO, 0, 0)
            fi
       :: kind == RESUMED ->
            if
            :: sst[k] == PENDING && SWAPS(sbase[k]) ->
                 snew = snc[k]; sprev = NONE; swait = false;
#ifndef NOSTOP
                 clear(c2s[sc]); sst[sc] = DEAD; snxt[sc] = 0; sbase[sc] = 0; snc[sc] = 0;
#endif
                 sc = k; sst[k] = LIVE; sbase[k] = 0; snc[k] = 0;
                 assert(b <= slast && b >= sfloor);
                 sfloor = b;
#ifndef NODELIVERED
                 delivered = srcv;
#endif
                 s2(k, ANSWER, 0, srcv);
                 sresend(b)
            :: else -> sst[k] = DEAD; clear(c2s[k]); sbase[k] = 0; snc[k] = 0; snxt[k] = 0; s2(k, NO, 0, 0)
            fi
       :: else ->
            assert(sst[k] == LIVE && a == snxt[k] + 1);
            snxt[k] = a;
            if
            :: a <= delivered && k > 0
            :: else ->
                 assert(a == srcv + 1);                   /* exactly once and in order */
                 assert((kind == APP) == !BIT(cctl, a));
                 srcv = a;
                 if
                 :: kind == RK1 && !swait -> fresh(a);
                      sprev = SREKEYED; snew = a; sctrl(RK2, a); sctrl(ACK, 0)
                 :: kind == RK2 -> swait = false;
                      sprev = SREKEYED; snew = b; sctrl(ACK, 0)
                 :: kind == ACK -> sprev = NONE
                 :: else
                 fi
            fi
       fi;
       assert(COMMON || cst == FULL);
       kind = 0; a = 0; b = 0; k = 0 }
  od
}

/* what the client sent on a connection that it has given up may be lost from any point on */
#define LOST(k) k < cc && nempty(c2s[k]) -> clear(c2s[k]); \
  if :: sst[k] == PENDING -> sst[k] = DEAD; sbase[k] = 0; snc[k] = 0; snxt[k] = 0 :: else fi

proctype Network() {
end:
  do
  :: atomic { LOST(0) }
  :: atomic { LOST(1) }
  :: atomic { LOST(2) }
  od
}

init {
  atomic {
    sst[0] = LIVE; sst[1] = FRESH; sst[2] = FRESH; sst[3] = FRESH;
    do :: cuts < CUTS -> cuts++ :: break od;
    run Client(); run Server(); run Network()
  }
  timeout ->
    if
    :: cst == FULL
    :: else -> assert(cst == LIVE && cc == sc && capp + sapp == 0 && srcv == clast && crcv == slast && COUNT == 1 && cset == 1 << snew)
    fi
}
