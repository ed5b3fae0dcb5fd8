namespace Livebed.Kvm.Locks;

public enum LockMode : byte
{
    Read,
    Write,
}
