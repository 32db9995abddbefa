/* Rekey in strict order.
   Models: both ends, two reliable FIFO channels, RK1 -> RK2 -> `ack` both ways, started by either end or by both at once,
     application messages anywhere in between, several rekeys one after another, deletion of retired keys.
   Rules: propose only with no proposal outstanding and equal epochs; the server's proposal wins; the responder's first message
     after RK2 and the proposer's first after it has RK2 is `ack` under e+1, and a receiver switches only on it; RK2 names the
     RK1 that it answers.
   Shows: every message arrives under a key that its receiver holds; every message is accepted; nothing blocks; at rest both
     ends are in the same epoch and hold its keys only.
   Leaves out: the cipher, time-outs, key limits, loss (it ends the connection; see resume.pml).
   Controls: NOTIEBREAK  the server answers although its own proposal waits
             NOACKFIRST  an application message may be the first one under e+1
             DROPEARLY   the responder deletes the receive key of e when it answers */
#ifndef PROPOSALS
#define PROPOSALS 2
#endif
#ifndef MESSAGES
#define MESSAGES 2
#endif
#ifdef NOTIEBREAK
#define LOSES(me) false
#else
#define LOSES(me) (me == SERVER && waiting[me])
#endif
#define SERVER 1
#define EPOCHS 5
#define NONE 0
#define FIRST 3
mtype = { APP, RK1, RK2, ACK };
typedef Keys { byte k[EPOCHS] };
/* q[i] goes to i (0 client, 1 server): kind, epoch, key it is sealed with, proposer (in RK1 and RK2) */
chan q[2] = [10] of { mtype, byte, byte, byte };
Keys rx[2];                  /* receive keys held: NONE, FIRST (of the handshake), or 1 + the proposer of that epoch */
byte se[2], re[2];           /* send and receive epoch */
byte sk[2];                  /* send key */
bool waiting[2];             /* the own proposal is unanswered */
byte proposals[2], messages[2];

inline send(i, what, whose) { assert(nfull(q[1 - i])); q[1 - i]!what, se[i], sk[i], whose }
inline enter(i, whose) { se[i] = se[i] + 1; sk[i] = whose + 1; rx[i].k[se[i]] = whose + 1 }

proctype Peer(bit me) {
  mtype kind; byte e, key, by;
end:
  do
  :: atomic { messages[me] > 0 -> messages[me]--; send(me, APP, 0) }
  :: atomic { proposals[me] > 0 && !waiting[me] && se[me] == re[me] && se[me] < EPOCHS - 1 ->
       proposals[me]--; waiting[me] = true; send(me, RK1, me) }
  :: atomic { nempty(q[me]) -> q[me]?kind, e, key, by;
       assert(rx[me].k[e] == key);
       if
       :: e == re[me] + 1 -> assert(kind == ACK); rx[me].k[re[me]] = NONE; re[me] = e
       :: else -> assert(e == re[me])
       fi;
       if
       :: kind == RK1 && LOSES(me) -> skip
       :: kind == RK1 && !LOSES(me) ->
            waiting[me] = false;                          /* the client drops its own proposal */
            send(me, RK2, by);
            enter(me, by);
#ifdef DROPEARLY
            rx[me].k[re[me]] = NONE;
#endif
#ifdef NOACKFIRST
            if :: messages[me] > 0 -> messages[me]--; send(me, APP, 0) :: true fi;
#endif
            send(me, ACK, 0)
       :: kind == RK2 ->
            assert(waiting[me] && by == me);
            waiting[me] = false;
            rx[me].k[re[me]] = NONE;                      /* in strict order nothing of e can follow RK2 */
            enter(me, by);
            send(me, ACK, 0)
       :: else -> skip
       fi;
       kind = 0; e = 0; key = 0; by = 0 }
  od
}

init {
  byte r;
  atomic {
    do
    :: r < 2 -> sk[r] = FIRST; rx[r].k[0] = FIRST;
         do :: proposals[r] < PROPOSALS -> proposals[r]++ :: break od;
         do :: messages[r] < MESSAGES -> messages[r]++ :: break od;
         r++
    :: else -> break
    od;
    run Peer(0); run Peer(1)
  }
  timeout ->
    assert(empty(q[0]) && empty(q[1]) && !waiting[0] && !waiting[1] && messages[0] + messages[1] == 0);
    assert(se[0] == re[0] && se[1] == re[1] && se[0] == se[1] && sk[0] == sk[1]);
    r = 0;
    do
    :: r < EPOCHS -> assert((rx[0].k[r] != NONE) == (r == se[0]) && rx[0].k[r] == rx[1].k[r]); r++
    :: else -> break
    od
}
