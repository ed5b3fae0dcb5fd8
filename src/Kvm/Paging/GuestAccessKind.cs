namespace Livebed.Kvm.Paging;

public enum GuestAccessKind : int
{
    Read,
    Write,
}
