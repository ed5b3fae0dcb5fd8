namespace Livebed.Kvm.Host;

/// <summary>What a process keeps in an area of its memory.</summary>
public enum VmaKind : byte
{
    /// <summary>Guest RAM, behind memslots from the start.</summary>
    Ram,

    /// <summary>Guest RAM that memslots come and go on.</summary>
    Hotplug,

    /// <summary>The process's own memory, outside of every memslot: ranges here are spurious for KVM.</summary>
    Scratch,
}
