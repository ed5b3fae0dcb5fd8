using Livebed.Kvm.Notifiers;

namespace Livebed.Explorer.Tests.Protocols;

/// <summary>Wants more than a protocol gets, so it is none that can be chosen.</summary>
public sealed class DemandingProtocol(ProtocolContext context, int more) : WrappedProtocol(context)
{
    public int More { get; } = more;
}
