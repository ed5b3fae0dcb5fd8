using Livebed.Kvm.Addresses;
using Livebed.Kvm.Guests;
using Livebed.Kvm.Vms;

namespace Livebed.Explorer.Scenarios;

/// <summary>What a guest does. Pages are counted from the start of RAM, or of the hot-plugged memory; each write has its own
/// value.</summary>
public static class GuestVerbs
{
    public static ActorPlan Read(this ActorPlan vcpu, int page) =>
        vcpu.Access($"read page {page}", new GuestOperation(VmLayout.RamGfn + page, GuestAccessKind.Read, 0));

    public static ActorPlan Write(this ActorPlan vcpu, int page) =>
        vcpu.Access($"write page {page}", new GuestOperation(VmLayout.RamGfn + page, GuestAccessKind.Write, Token(vcpu)));

    /// <summary>Writes a content that other pages have too, so that KSM can merge them.</summary>
    public static ActorPlan WriteCommon(this ActorPlan vcpu, int page) =>
        vcpu.Access($"write page {page}, common content", new GuestOperation(VmLayout.RamGfn + page, GuestAccessKind.Write, CommonContent));

    public static ActorPlan ReadPlugged(this ActorPlan vcpu, int page) =>
        vcpu.Access($"read plugged page {page}", new GuestOperation(VmLayout.HotplugGfn + page, GuestAccessKind.Read, 0));

    public static ActorPlan WritePlugged(this ActorPlan vcpu, int page) =>
        vcpu.Access($"write plugged page {page}", new GuestOperation(VmLayout.HotplugGfn + page, GuestAccessKind.Write, Token(vcpu)));

    /// <summary>Reads where no memory is: the access leaves to user space.</summary>
    public static ActorPlan ReadMmio(this ActorPlan vcpu, int page) =>
        vcpu.Access($"read MMIO page {page}", new GuestOperation(new Gfn(page), GuestAccessKind.Read, 0));

    /// <summary>The same memory where a move puts it.</summary>
    public static ActorPlan WriteMoved(this ActorPlan vcpu, int page) =>
        vcpu.Access($"write moved page {page}", new GuestOperation(VmLayout.HotplugGfnMoved + page, GuestAccessKind.Write, Token(vcpu)));

    internal const ulong CommonContent = (0xFFFFUL << 48) | 7;

    private static ulong Token(ActorPlan vcpu) => (1UL << 48) | ((ulong)(uint)vcpu.Vcpu << 40) | (uint)(vcpu.Operations.Count + 1);
}
