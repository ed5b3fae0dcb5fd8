using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host;
using Livebed.Kvm.Notifiers;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Protocols;

/// <summary>Count, sequence and hull under mmu_lock on every notification (kvm-protocol 2.4), or the same with one defect.</summary>
internal sealed class TextbookProtocol(ProtocolContext context, Defect defect) : IInvalidationProtocol
{
    private long _hullStart = long.MaxValue;
    private long _hullEnd = long.MinValue;

    public ulong Sequence { get; private set; }
    public long InvalidationsInProgress { get; private set; }
    public long ActiveInvalidations => 0;
    public bool HasChangePte => false;
    public bool HasLocklessAgeing => false;

    private bool MustLock => defect != Defect.ElidesWithoutBlocking;

    public async ValueTask RangeStartAsync(Operation op, MmuNotifierRange range)
    {
        await context.Walk.UnmapAsync(op, range, MustLock, () =>
        {
            if (++InvalidationsInProgress == 1) ForgetHull();
            if (defect != Defect.HullAfterZap) AddToHull(range.Pages);
        }, onSlot: null);
        if (defect == Defect.HullAfterZap) AddToHull(range.Pages);
    }

    public async ValueTask RangeEndAsync(Operation op, MmuNotifierRange range)
    {
        if (defect is Defect.LocklessEnd or Defect.CountDropsBeforeSequence)
        {
            if (defect == Defect.LocklessEnd) Sequence++;
            else InvalidationsInProgress--;
            await context.World.PointAsync(SchedulingPoint.Preempt);
            if (defect == Defect.LocklessEnd) InvalidationsInProgress--;
            else Sequence++;
            return;
        }

        await context.Walk.FindAsync(op, range, MustLock, () =>
        {
            Sequence++;
            InvalidationsInProgress--;
            if (defect == Defect.HullForgottenAtEveryEnd) ForgetHull();
        });
    }

    public ValueTask PublishMemslotsAsync(Operation op, Action publish)
    {
        publish();
        return ValueTask.CompletedTask;
    }

    public bool ShouldRetryUnlocked(ulong sequence, Gfn gfn, Hva hva) => false;

    public bool MustRetry(ulong sequence, Gfn gfn, Hva hva) =>
        (defect != Defect.IgnoresCount && InvalidationsInProgress > 0 && hva.Value >= _hullStart && hva.Value < _hullEnd)
        || (defect != Defect.IgnoresSequence && Sequence != sequence);

    public bool ResetAtDestroy() => true;

    public bool NeedsSameSlots(MmuNotifierRange range) => !MustLock;

    private void AddToHull(HvaRange pages)
    {
        _hullStart = Math.Min(_hullStart, pages.Start.Value);
        _hullEnd = Math.Max(_hullEnd, pages.End.Value);
    }

    private void ForgetHull() => (_hullStart, _hullEnd) = (long.MaxValue, long.MinValue);
}
