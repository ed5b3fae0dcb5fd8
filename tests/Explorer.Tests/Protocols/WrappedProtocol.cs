using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host;
using Livebed.Kvm.Notifiers;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Tests.Protocols;

/// <summary>A sound protocol to build those of the tests on.</summary>
public abstract class WrappedProtocol(ProtocolContext context) : IInvalidationProtocol
{
    private readonly IInvalidationProtocol _inner = ProtocolCatalog.Create(ProtocolCatalog.Unconditional, context);

    public ulong Sequence => _inner.Sequence;
    public long InvalidationsInProgress => _inner.InvalidationsInProgress;
    public long ActiveInvalidations => _inner.ActiveInvalidations;
    public bool HasChangePte => _inner.HasChangePte;
    public bool HasLocklessAgeing => _inner.HasLocklessAgeing;

    public virtual ValueTask RangeStartAsync(Operation op, MmuNotifierRange range) => _inner.RangeStartAsync(op, range);
    public ValueTask RangeEndAsync(Operation op, MmuNotifierRange range) => _inner.RangeEndAsync(op, range);
    public virtual ValueTask PublishMemslotsAsync(Operation op, Action publish) => _inner.PublishMemslotsAsync(op, publish);
    public bool ShouldRetryUnlocked(ulong sequence, Gfn gfn, Hva hva) => _inner.ShouldRetryUnlocked(sequence, gfn, hva);
    public bool MustRetry(ulong sequence, Gfn gfn, Hva hva) => _inner.MustRetry(sequence, gfn, hva);
    public bool ResetAtDestroy() => _inner.ResetAtDestroy();
    public bool NeedsSameSlots(MmuNotifierRange range) => _inner.NeedsSameSlots(range);
}
