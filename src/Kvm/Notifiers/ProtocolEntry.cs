namespace Livebed.Kvm.Notifiers;

/// <summary>One protocol preset: its command-line name and what it does, in a line.</summary>
public sealed record ProtocolEntry(string Name, string Summary);
