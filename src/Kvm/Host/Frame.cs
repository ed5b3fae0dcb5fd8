namespace Livebed.Kvm.Host;

/// <summary>
/// <c>struct page</c> of one frame. <c>RefCount</c> is the kernel's: mappings are counted in it too, so that
/// <c>RefCount - MapCount</c> is what somebody holds by other means (GUP, isolation). The owner is the last mapper, for messages only.
/// </summary>
internal struct Frame
{
    public int Generation;
    public int RefCount;
    public int MapCount;
    public int OwnerId;
    public long OwnerHva;
    public bool IsKsm;
}
