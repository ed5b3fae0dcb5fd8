namespace Livebed.Kvm.Locks;

/// <summary>Something that operations wait for and that can name its waiters.</summary>
public interface IWaitable
{
    void AddWaits(List<WaitSnapshot> waits);
}
