using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host;
using Livebed.Kvm.Notifiers;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Driver.Tests.Exploring;

/// <summary>A protocol that is sound but for one call.</summary>
public abstract class HostileProtocol(ProtocolContext context) : IInvalidationProtocol
{
    private readonly IInvalidationProtocol _inner = ProtocolCatalog.Create(ProtocolCatalog.Unconditional, context);

    public ulong Sequence => _inner.Sequence;
    public long InvalidationsInProgress => _inner.InvalidationsInProgress;
    public long ActiveInvalidations => _inner.ActiveInvalidations;
    public bool HasChangePte => _inner.HasChangePte;
    public bool HasLocklessAgeing => _inner.HasLocklessAgeing;

    public ValueTask RangeStartAsync(Operation op, MmuNotifierRange range)
    {
        Attack();
        return _inner.RangeStartAsync(op, range);
    }

    public ValueTask RangeEndAsync(Operation op, MmuNotifierRange range) => _inner.RangeEndAsync(op, range);
    public ValueTask PublishMemslotsAsync(Operation op, Action publish) => _inner.PublishMemslotsAsync(op, publish);
    public bool ShouldRetryUnlocked(ulong sequence, Gfn gfn, Hva hva) => _inner.ShouldRetryUnlocked(sequence, gfn, hva);
    public bool MustRetry(ulong sequence, Gfn gfn, Hva hva) => _inner.MustRetry(sequence, gfn, hva);
    public bool ResetAtDestroy() => _inner.ResetAtDestroy();
    public bool NeedsSameSlots(MmuNotifierRange range) => _inner.NeedsSameSlots(range);

    protected abstract void Attack();
}

public sealed class SpinningProtocol(ProtocolContext context) : HostileProtocol(context)
{
    protected override void Attack() => SpinWait.SpinUntil(() => false);
}

public sealed class ExitingProtocol(ProtocolContext context) : HostileProtocol(context)
{
    protected override void Attack() => Environment.Exit(0);
}

public sealed class OverflowingProtocol(ProtocolContext context) : HostileProtocol(context)
{
    private int _depth;

    protected override void Attack()
    {
        _depth++;
        Attack();
        _depth--;
    }
}

public sealed class HarmlessProtocol(ProtocolContext context) : HostileProtocol(context)
{
    protected override void Attack()
    {
        // Does what it should.
    }
}
