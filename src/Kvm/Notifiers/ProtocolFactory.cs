using Livebed.Kvm.Notifiers.Protocols;

namespace Livebed.Kvm.Notifiers;

/// <summary>Makes a protocol by its preset's name (design section 4.5).</summary>
public static class ProtocolFactory
{
    private static readonly Dictionary<string, Func<ProtocolContext, IInvalidationProtocol>> Presets = new(StringComparer.Ordinal)
    {
        ["unconditional"] = context => new UnconditionalProtocol(context, useHull: false),
        ["hva-range"] = context => new UnconditionalProtocol(context, useHull: true),
        ["rwsem"] = context => new RwsemProtocol(context, fair: true),
        ["rwsem-unfair"] = context => new RwsemProtocol(context, fair: false),
        ["active-count"] = context => new ActiveCountProtocol(context, recent: false),
        ["gfn-range"] = context => new ActiveCountProtocol(context, recent: true),
    };

    public static IReadOnlyCollection<string> Names => Presets.Keys;

    /// <exception cref="ArgumentException">No preset has that name.</exception>
    public static IInvalidationProtocol Create(string name, ProtocolContext context) =>
        Presets.TryGetValue(name, out var create)
            ? create(context)
            : throw new ArgumentException($"unknown protocol '{name}'; allowed: {string.Join(", ", Presets.Keys)}", nameof(name));
}
