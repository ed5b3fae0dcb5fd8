using System.Collections.Immutable;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Locks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host;

/// <summary>
/// <c>struct mmu_notifier_subscriptions</c> of one mm (mm/mmu_notifier.c): the subscribers that are notified when its page tables change.
/// Walks of the list run under the host's one SRCU domain; start and end of a range are two sections, and nothing pins a subscriber between
/// them (kvm-protocol 2.0, 2.6). As in an RCU list, a subscriber that was unhashed before the walk came to it is not called. Keeps: after
/// <see cref="UnregisterAsync"/> returns, no callback runs and none will; a range that one subscriber refused ends for exactly those whose
/// start succeeded. Simplified: no interval subscriptions. Callbacks must not throw.
/// </summary>
public sealed class MmuNotifierSubscriptions(IWorld world, Srcu srcu, string mm, Mutant? mutant)
{
    private readonly Place _place = new(world);
    private Tracked<ImmutableArray<Subscription>> _subscriptions = new(world, []);

    private ImmutableArray<Subscription> Hashed
    {
        get => _subscriptions.Value;
        set => _subscriptions.Value = value;
    }

    public int Count => Hashed.Length;

    /// <summary><c>mmu_notifier_register</c>; the caller holds what <c>mm_take_all_locks</c> takes, so no range is open.</summary>
    /// <exception cref="InvalidOperationException">It is registered already.</exception>
    public void Register(IMmuNotifierSubscriber subscriber)
    {
        if (Find(subscriber) is not null) throw new InvalidOperationException($"{subscriber.Name} is registered with {mm} already");
        Hashed = Hashed.Insert(0, new Subscription(_place, subscriber));
    }

    /// <summary><c>mmu_notifier_unregister</c>: release if still hashed, unhash, wait for the callbacks that run.</summary>
    public async ValueTask UnregisterAsync(Operation op, IMmuNotifierSubscriber subscriber)
    {
        var subscription = Find(subscriber);
        if (subscription is not null)
        {
            var section = srcu.ReadLock(op);
            try
            {
                await subscriber.ReleaseAsync(op);
            }
            finally
            {
                srcu.ReadUnlock(op, section);
            }

            Unhash(subscription);
        }

        await srcu.SynchronizeAsync(op);
    }

    /// <summary><c>__mmu_notifier_release</c>, from exit_mmap: everyone zaps, everyone is unhashed; only then pages may go. An unregister
    /// may run at the same time and call the same <c>release</c>.</summary>
    public async ValueTask ReleaseAsync(Operation op)
    {
        var section = srcu.ReadLock(op);
        try
        {
            foreach (var subscription in Hashed) await subscription.Subscriber.ReleaseAsync(op);
            while (Hashed.Length > 0) Unhash(Hashed[0]);
        }
        finally
        {
            srcu.ReadUnlock(op, section);
        }

        await srcu.SynchronizeAsync(op);
    }

    /// <summary><c>mn_hlist_invalidate_range_start</c>. False is -EAGAIN: a subscriber refused a non-blockable range, and those that had
    /// accepted it have got their end already; the caller must not call end.</summary>
    public async ValueTask<bool> InvalidateRangeStartAsync(Operation op, MmuNotifierRange range)
    {
        if (Hashed.Length == 0) return true;
        var section = srcu.ReadLock(op);
        try
        {
            var walk = Hashed;
            List<Subscription>? started = range.Blockable ? null : [];
            var refused = false;
            foreach (var subscription in walk)
            {
                if (!subscription.IsHashed) continue;
                if (await subscription.Subscriber.InvalidateRangeStartAsync(op, range))
                    started?.Add(subscription);
                else if (range.Blockable)
                    ReportRefusal(op, range, subscription);
                else
                    refused = true;
            }

            if (!refused) return true;
            world.Reached(ReachedCase.RangeRefused);
            if (mutant == Mutant.EndSkippedAfterEagain) return false;
            foreach (var subscription in started!)
                if (subscription.IsHashed)
                    await subscription.Subscriber.InvalidateRangeEndAsync(op, range);
            return false;
        }
        finally
        {
            srcu.ReadUnlock(op, section);
        }
    }

    /// <summary><c>mn_hlist_invalidate_end</c>: calls the current subscribers, which need not be those of the start.</summary>
    public async ValueTask InvalidateRangeEndAsync(Operation op, MmuNotifierRange range)
    {
        if (Hashed.Length == 0) return;
        var section = srcu.ReadLock(op);
        try
        {
            foreach (var subscription in Hashed)
                if (subscription.IsHashed)
                    await subscription.Subscriber.InvalidateRangeEndAsync(op, range);
        }
        finally
        {
            srcu.ReadUnlock(op, section);
        }
    }

    /// <summary><c>__mmu_notifier_change_pte</c> (kernels before 6.10), inside a range.</summary>
    public async ValueTask ChangePteAsync(Operation op, Hva hva, Pfn pfn)
    {
        if (Hashed.Length == 0) return;
        var section = srcu.ReadLock(op);
        try
        {
            foreach (var subscription in Hashed)
                if (subscription.IsHashed && subscription.Subscriber.HasChangePte)
                    await subscription.Subscriber.ChangePteAsync(op, hva, pfn);
        }
        finally
        {
            srcu.ReadUnlock(op, section);
        }
    }

    /// <summary><c>__mmu_notifier_clear_flush_young</c> (with <paramref name="flush"/>) and <c>__mmu_notifier_clear_young</c>.</summary>
    public ValueTask<bool> ClearYoungAsync(Operation op, HvaRange range, bool flush) =>
        AskAllAsync(op, (op, range, flush), static (subscriber, ask) => subscriber.ClearYoungAsync(ask.op, ask.range, ask.flush));

    /// <summary><c>__mmu_notifier_test_young</c>.</summary>
    public ValueTask<bool> TestYoungAsync(Operation op, HvaRange range) =>
        AskAllAsync(op, (op, range), static (subscriber, ask) => subscriber.TestYoungAsync(ask.op, ask.range));

    private async ValueTask<bool> AskAllAsync<TAsk>(Operation op, TAsk ask, Func<IMmuNotifierSubscriber, TAsk, ValueTask<bool>> question)
    {
        if (Hashed.Length == 0) return false;
        var section = srcu.ReadLock(op);
        try
        {
            var young = false;
            foreach (var subscription in Hashed)
                if (subscription.IsHashed)
                    young |= await question(subscription.Subscriber, ask);
            return young;
        }
        finally
        {
            srcu.ReadUnlock(op, section);
        }
    }

    private void ReportRefusal(Operation op, MmuNotifierRange range, Subscription subscription) =>
        world.Observer.Violated(new Violation(
            Invariants.Balance, $"{subscription.Subscriber.Name} returned -EAGAIN for a blockable range over {range.Pages} of {mm}",
            subscription.Subscriber.Name, Hva: range.Pages.Start, Operations: [op.Id]));

    private Subscription? Find(IMmuNotifierSubscriber subscriber)
    {
        foreach (var entry in Hashed)
            if (ReferenceEquals(entry.Subscriber, subscriber)) return entry;
        return null;
    }

    private void Unhash(Subscription subscription)
    {
        subscription.IsHashed = false;
        Hashed = Hashed.Remove(subscription);
    }

    private sealed class Subscription(Place place, IMmuNotifierSubscriber subscriber)
    {
        private Tracked<bool> _isHashed = new(place, true);

        public IMmuNotifierSubscriber Subscriber { get; } = subscriber;

        public bool IsHashed
        {
            get => _isHashed.Value;
            set => _isHashed.Value = value;
        }
    }
}
