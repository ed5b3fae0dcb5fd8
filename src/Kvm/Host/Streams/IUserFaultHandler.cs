using Livebed.Kvm.Addresses;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host.Streams;

/// <summary>
/// User space's fault thread (QEMU's <c>postcopy_ram_fault_thread</c>): what it reads from the userfaultfd. Called once for a page, however many wait for it; the call returns when
/// the page has been asked for, not when it is there.
/// </summary>
public interface IUserFaultHandler
{
    ValueTask PageMissingAsync(Operation op, Hva hva);
}
