using Livebed.Kvm.Addresses;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Migration;

/// <summary>QEMU's return path: what the destination's user space asks of the source's.</summary>
public interface IMigrationReturnPath
{
    /// <summary>A vCPU waits for the page. Returns when it has been sent, or was sent already; Lost when the link is broken.</summary>
    ValueTask<StreamStatus> RequestPageAsync(Operation op, Hva hva);
}
