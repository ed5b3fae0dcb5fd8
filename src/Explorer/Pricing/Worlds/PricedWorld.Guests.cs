using Livebed.Kvm.World;

namespace Livebed.Explorer.Pricing.Worlds;

/// <summary>How guests run, and how interrupts reach them.</summary>
public sealed partial class PricedWorld
{
    /// <summary>The thread that runs now is in the guest for so long, and for what an interrupt put off before, or until an interrupt. The
    /// caller ends it with <see cref="LeaveGuest"/>.</summary>
    internal ValueTask RunGuestAsync(long nanoseconds)
    {
        var thread = Current!;
        if (thread.OwesEntry) Charge(Price.VmEntry, Account.Exits);
        thread.OwesEntry = false;
        thread.GuestEntries++;
        thread.IsInGuest = true;
        nanoseconds += thread.GuestOwed;
        // An interrupt on the way in: the guest comes out again at once.
        thread.GuestOwed = thread.IsKicked ? nanoseconds : 0;
        if (nanoseconds > 0 && !thread.IsKicked)
            thread.Add(new Charge { Kind = ChargeKind.Work, Account = Account.Guest, IsGuest = true, Nanoseconds = nanoseconds });
        thread.IsKicked = false;
        return PointAsync(SchedulingPoint.GuestAccess);
    }

    internal static void LeaveGuest(PricedThread thread) => thread.IsInGuest = false;

    /// <summary><c>kvm_make_all_cpus_request</c>, one vCPU of it: the thread that runs now flushes its TLB. Only a vCPU in the guest is
    /// interrupted; others see the request on their way in.</summary>
    /// <param name="vcpu">whose TLB it is</param>
    /// <param name="isFirst">the first of the flush</param>
    internal void AskForFlush(PricedThread vcpu, bool isFirst)
    {
        if (Current is not { } thread || thread == vcpu) return;
        if (Prices.BroadcastsFlushes)
        {
            if (isFirst) Charge(Price.FlushBroadcast, Account.Flush);
        }
        else if (vcpu.IsInGuest)
        {
            Charge(isFirst ? Price.FlushSend : Price.FlushTarget, Account.Flush);
        }

        // The flush is waited for on the CPU.
        thread.Spins = true;
        if (!vcpu.IsInGuest) vcpu.IsKicked = true;
        else thread.Add(new Charge
        {
            Kind = ChargeKind.Kick,
            Subject = vcpu,
            Entry = vcpu.GuestEntries,
            CostsExit = !Prices.BroadcastsFlushes,
        });
    }

    /// <summary><c>flush_tlb_mm_range</c>: the thread that runs now has changed PTEs, and other CPUs that run threads of its process flush
    /// their TLBs; a guest leaves for it. Nothing to do when none was changed.</summary>
    internal ValueTask FlushHostAsync(IReadOnlyList<PricedThread> others)
    {
        if (Current is not { PteChanges: > 0 } thread) return ValueTask.CompletedTask;
        thread.PteChanges = 0;
        if (Prices.BroadcastsFlushes)
        {
            Charge(Price.FlushBroadcast, Account.Flush);
            return PointAsync(SchedulingPoint.TlbFlush);
        }

        var targets = 0;
        foreach (var other in others)
        {
            if (other.Cpu < 0) continue;
            Charge(targets++ == 0 ? Price.FlushSend : Price.FlushTarget, Account.Flush);
            thread.Add(new Charge { Kind = ChargeKind.Kick, Subject = other, CostsExit = true });
        }

        if (targets > 0) Charge(Price.FlushDelivery, Account.Flush);
        return PointAsync(SchedulingPoint.TlbFlush);
    }
}
