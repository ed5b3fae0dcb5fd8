using System.Diagnostics;
using Livebed.Kvm.Locks;

namespace Livebed.Explorer.Pricing.Worlds;

/// <summary>How time passes: charges take theirs, threads get CPUs and lose them, waits end.</summary>
public sealed partial class PricedWorld
{
    /// <summary>A thread goes on: what it was charged takes its time, then its code runs, until neither can.</summary>
    private void Advance(PricedThread thread)
    {
        if (thread.State == ThreadState.Pausing) thread.State = ThreadState.Running;
        if (thread.NeedsCpu && !TakeCpu(thread)) return;
        Current = thread;
        while (thread.State == ThreadState.Running && !thread.IsScheduled && Drain(thread))
        {
            if (thread.Continuations.TryDequeue(out var continuation))
            {
                thread.IsGoingToSleep = false;
                _isRunning = true;
                continuation.Run();
                _isRunning = false;
            }
            else if (!Block(thread))
            {
                break;
            }
        }

        Current = null;
    }

    /// <summary>Lets charges take their time, at once where no other event lies before their end.</summary>
    /// <returns>false when the thread is to go on later</returns>
    private bool Drain(PricedThread thread)
    {
        while (thread.HasCharges)
        {
            if (!thread.First.IsBegun) Charges++;
            ref var charge = ref thread.First;
            switch (charge.Kind)
            {
                case ChargeKind.Work or ChargeKind.Line:
                    if (!PassTime(thread, ref charge)) return false;
                    break;
                case ChargeKind.Pause:
                    if (!Pause(thread, ref charge)) return false;
                    break;
                default:
                    Happen(thread);
                    break;
            }
        }

        return true;
    }

    private bool PassTime(PricedThread thread, ref Charge charge)
    {
        if (!charge.IsBegun) Begin(thread, ref charge);
        if (charge.EndsAt > Now)
        {
            // An event at the same time was there before.
            if (charge.EndsAt >= NextEventAt || charge.EndsAt > _end)
            {
                Schedule(thread, charge.EndsAt);
                return false;
            }

            Now = charge.EndsAt;
        }

        var took = Now - charge.BeganAt;
        thread.Times[(int)charge.Account] += took;
        charge.Nanoseconds -= took;
        if (charge.Subject is LockLine line) line.Time += took;
        charge.IsBegun = false;
        if (charge.Kind == ChargeKind.Line || charge.Nanoseconds <= 0) thread.RemoveFirst();
        return !_cpus.HasWaiting || Now < thread.SliceEnds || thread.AtomicHolds > 0 || !Preempt(thread);
    }

    private void Begin(PricedThread thread, ref Charge charge)
    {
        charge.IsBegun = true;
        charge.BeganAt = Now;
        if (charge.Kind == ChargeKind.Line)
        {
            charge.EndsAt = Touch((LockLine)charge.Subject!, thread.Cpu);
            return;
        }

        charge.EndsAt = Now + charge.Nanoseconds;
        if (_alive <= _cpuCount || thread.AtomicHolds > 0 || charge.EndsAt <= thread.SliceEnds) return;
        if (thread.SliceEnds <= Now) thread.SliceEnds = Now + Math.Max(1, CostOf(Price.TimeSlice));
        charge.EndsAt = Math.Min(charge.EndsAt, thread.SliceEnds);
    }

    /// <summary>The line comes to this CPU, after the CPUs that asked for it before.</summary>
    /// <returns>when it has come</returns>
    private long Touch(LockLine line, int cpu)
    {
        var price = line.Owner < 0 || line.Owner == cpu ? Price.AtomicOwn
            : _cpus.NodeOf(line.Owner) == _cpus.NodeOf(cpu) ? Price.AtomicNear
            : Price.AtomicFar;
        line.Owner = cpu;
        line.FreeAt = Math.Max(Now, line.FreeAt) + CostOf(price);
        return line.FreeAt;
    }

    private bool Pause(PricedThread thread, ref Charge charge)
    {
        if (!charge.IsBegun)
        {
            (charge.IsBegun, charge.BeganAt) = (true, Now);
            LeaveCpu(thread, ThreadState.Pausing);
            Schedule(thread, Now + charge.Nanoseconds);
            return false;
        }

        thread.Times[(int)Account.Sleep] += Now - charge.BeganAt;
        thread.RemoveFirst();
        return TakeCpu(thread);
    }

    /// <summary>What takes no time itself.</summary>
    private void Happen(PricedThread thread)
    {
        var charge = thread.First;
        thread.RemoveFirst();
        switch (charge.Kind)
        {
            case ChargeKind.GiveBack:
                ((KernelLock)charge.Subject!).GiveBack(charge.Operation!, charge.Mode);
                break;
            case ChargeKind.Deliver:
                Deliver((PricedThread)charge.Subject!, charge.Continuation);
                break;
            case ChargeKind.Kick:
                Kick((PricedThread)charge.Subject!, charge.Entry, charge.CostsExit);
                break;
            default:
                throw new UnreachableException($"a charge of kind {charge.Kind} takes time");
        }
    }

    /// <summary>Nothing is left to do until another thread does something.</summary>
    /// <returns>true when going to sleep takes time first</returns>
    private bool Block(PricedThread thread)
    {
        if (thread.IsOver)
        {
            LeaveCpu(thread, ThreadState.Done);
            _alive--;
            return false;
        }

        if (thread.Spins || thread.AtomicHolds > 0)
        {
            (thread.State, thread.Since) = (ThreadState.Spinning, Now);
            return false;
        }

        if (!thread.IsGoingToSleep)
        {
            thread.IsGoingToSleep = true;
            thread.AddWork(CostOf(Price.Sleep), Account.Switch);
            return true;
        }

        LeaveCpu(thread, ThreadState.Sleeping);
        return false;
    }

    /// <summary>Another thread's wait ends, when the thread that runs now has come so far.</summary>
    internal void Wake(PricedThread target, in Continuation continuation)
    {
        if (!_isRunning || Current is not { } waker) Deliver(target, continuation);
        else waker.Add(new Charge { Kind = ChargeKind.Deliver, Subject = target, Continuation = continuation });
    }

    private void Deliver(PricedThread target, in Continuation continuation)
    {
        target.Continuations.Enqueue(continuation);
        if (target.State == ThreadState.Spinning)
        {
            target.Times[(int)Account.Spin] += Now - target.Since;
            target.State = ThreadState.Running;
            Schedule(target, Now);
        }
        else if (target.State == ThreadState.Sleeping)
        {
            target.Times[(int)Account.Sleep] += Now - target.Since;
            (target.State, target.NeedsCpu) = (ThreadState.Running, true);
            var price = CostOf(Price.Wake);
            if (price > 0) Current?.AddFirst(new Charge { Kind = ChargeKind.Work, Account = Account.Switch, Nanoseconds = price });
            target.Times[(int)Account.Switch] += price + CostOf(Price.WakeLatency);
            Schedule(target, Now + price + CostOf(Price.WakeLatency));
        }
    }

    /// <summary>An interrupt reaches a thread. A guest that it is for stops; any other guest goes on afterwards.</summary>
    private void Kick(PricedThread target, long entry, bool costsExit)
    {
        if (!target.IsInGuest || !target.HasCharges || (entry != 0 && entry != target.GuestEntries)) return;
        ref var charge = ref target.First;
        if (!charge.IsGuest || !charge.IsBegun || !target.IsScheduled) return;
        if (entry == 0)
        {
            var cost = CostOf(Price.VmExit) + CostOf(Price.VmEntry);
            target.Times[(int)Account.Exits] += cost;
            (charge.BeganAt, charge.EndsAt) = (charge.BeganAt + cost, charge.EndsAt + cost);
            Schedule(target, charge.EndsAt);
            return;
        }

        var ran = Math.Max(0, Now - charge.BeganAt);
        target.Times[(int)Account.Guest] += ran;
        var left = Math.Max(0, charge.Nanoseconds - ran);
        var until = Math.Min(left, costsExit ? CostOf(Price.FlushDelivery) : 0);
        target.GuestOwed += left - until;
        target.RemoveFirst();
        if (costsExit) target.AddFirst(new Charge { Kind = ChargeKind.Work, Account = Account.Exits, Nanoseconds = CostOf(Price.VmExit) });
        if (until > 0) target.AddFirst(new Charge { Kind = ChargeKind.Work, Account = Account.Guest, Nanoseconds = until });
        target.OwesEntry = costsExit;
        Schedule(target, Now);
    }

    private bool Preempt(PricedThread thread)
    {
        LeaveCpu(thread, ThreadState.Queued);
        return !TakeCpu(thread);
    }

    private bool TakeCpu(PricedThread thread)
    {
        thread.NeedsCpu = false;
        if (!_cpus.TryTake(thread))
        {
            (thread.State, thread.Since) = (ThreadState.Queued, Now);
            return false;
        }

        Dispatch(thread);
        return true;
    }

    private void LeaveCpu(PricedThread thread, ThreadState next)
    {
        (thread.State, thread.Since) = (next, Now);
        if (_cpus.Leave(thread) is not { } dispatched) return;
        dispatched.Times[(int)Account.Queue] += Now - dispatched.Since;
        Dispatch(dispatched);
        Schedule(dispatched, Now);
    }

    /// <summary>It has a CPU.</summary>
    private void Dispatch(PricedThread thread)
    {
        thread.State = ThreadState.Running;
        thread.SliceEnds = Now + CostOf(Price.TimeSlice);
        ref var last = ref _cpus.LastThread[thread.Cpu];
        if (last != thread.Id && last >= 0 && CostOf(Price.ContextSwitch) > 0)
            thread.AddFirst(new Charge { Kind = ChargeKind.Work, Account = Account.Switch, Nanoseconds = CostOf(Price.ContextSwitch) });
        last = thread.Id;
    }

    private long NextEventAt => _events.TryPeek(out _, out var key) ? (long)(key >> 64) : long.MaxValue;

    /// <summary>The thread's next event; one that it had is void.</summary>
    private void Schedule(PricedThread thread, long time)
    {
        thread.IsScheduled = true;
        _events.Enqueue((thread, ++thread.Stamp), new UInt128((ulong)time, ++_order));
    }

    /// <summary>At the end of the run: what goes on is counted as far as it has come.</summary>
    private void Settle(PricedThread thread)
    {
        if (thread.HasCharges && thread.First is { IsBegun: true } charge && Now > charge.BeganAt)
            thread.Times[(int)charge.Account] += Now - charge.BeganAt;
        Account? account = thread.State switch
        {
            ThreadState.Spinning => Account.Spin,
            ThreadState.Sleeping => Account.Sleep,
            ThreadState.Queued => Account.Queue,
            _ => null,
        };
        if (account is { } waits) thread.Times[(int)waits] += Now - thread.Since;
    }
}
