using Livebed.Kvm.Notifiers;

namespace Livebed.Explorer.Tests.Protocols;

/// <summary>Cannot be made.</summary>
[ProtocolName("never-made")]
public sealed class ThrowingProtocol : WrappedProtocol
{
    public ThrowingProtocol(ProtocolContext context)
        : base(context) => throw new InvalidOperationException("nothing works today");
}
