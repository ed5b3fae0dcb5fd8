using Livebed.Kvm.Host;
using Livebed.Kvm.Locks;
using Livebed.Kvm.Notifiers;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Tests.Protocols;

/// <summary>Takes a lock of a class that the kernel does not have.</summary>
public sealed class OwnLockProtocol(ProtocolContext context) : WrappedProtocol(context)
{
    private static readonly LockClass _class = LockClass.Define("own_lock_of_the_tests", maySleep: true);

    private readonly KernelMutex _lock = new(context.Locks, _class, context.VmName);

    public override async ValueTask RangeStartAsync(Operation op, MmuNotifierRange range)
    {
        await _lock.AcquireAsync(op);
        await base.RangeStartAsync(op, range);
        _lock.Release(op);
    }
}
