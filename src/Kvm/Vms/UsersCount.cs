using Livebed.Kvm.Locks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Vms;

/// <summary>
/// <c>kvm->users_count</c>: the VM's and the vCPUs' file descriptors, and every ioctl that is under way. The VM starts with one user. A
/// close waits here until the others are gone; in the kernel the last user destroys the VM.
/// </summary>
public sealed class UsersCount(LockDomain locks, string instance)
{
    // An SRCU domain has exactly the needed shape: users are read sections, closing is a grace period, and waits are shown in witnesses.
    private readonly Srcu _users = new(locks, LockClasses.UsersCount, instance);

    private Tracked<bool> _isClosing = new(locks.World);

    public bool IsClosing => _isClosing.Value;

    /// <summary><c>kvm_get_kvm_safe</c>: false when the VM is being destroyed. Pass the section to <see cref="Put"/>.</summary>
    public bool TryGet(Operation op, out long section)
    {
        section = IsClosing ? 0 : _users.ReadLock(op);
        return !IsClosing;
    }

    public void Put(Operation op, long section) => _users.ReadUnlock(op, section);

    /// <summary>Drops the first user and returns when it was the last; false when another destroyer came first.</summary>
    public async ValueTask<bool> CloseAsync(Operation op)
    {
        if (IsClosing) return false;
        _isClosing.Value = true;
        await _users.SynchronizeAsync(op);
        return true;
    }
}
