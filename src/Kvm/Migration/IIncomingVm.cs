using Livebed.Kvm.World;

namespace Livebed.Kvm.Migration;

/// <summary>The destination's VM while it comes to be; each world makes VMs in its own way.</summary>
public interface IIncomingVm
{
    /// <summary>The process and its areas; no VM yet. False when its host is not there.</summary>
    ValueTask<bool> TryCreateProcessAsync(Operation op);

    /// <summary><c>KVM_CREATE_VM</c>, memslots and vCPUs as the state says; nothing runs yet.</summary>
    ValueTask LoadAsync(Operation op, DeviceState state);

    /// <summary>The vCPUs enter the guest.</summary>
    ValueTask RunAsync(Operation op, long epoch);

    /// <summary>Process and VM go, as if they had never been.</summary>
    ValueTask DropAsync(Operation op);
}
