namespace Livebed.Kvm.Notifiers;

/// <summary><c>enum mmu_notifier_event</c>. KVM ignores it: every start zaps.</summary>
public enum MmuNotifierEvent : byte
{
    Unmap,
    Clear,
    ProtectionVma,
    ProtectionPage,
}
