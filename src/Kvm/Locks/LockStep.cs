namespace Livebed.Kvm.Locks;

/// <summary>What happened between an operation and a lock.</summary>
public enum LockStep
{
    Acquired,
    Waits,
    Released,
}
