using System.Collections.Frozen;
using Livebed.Kvm.World;

namespace Livebed.Driver.Campaigns;

/// <summary>The kebab-case names of operations in campaigns, results and histories: <c>DirtyLogGet</c> is <c>dirty-log-get</c>.</summary>
public static class OperationNames
{
    private static readonly FrozenDictionary<OperationKind, string> _names =
        Enum.GetValues<OperationKind>().ToFrozenDictionary(kind => kind, KebabCase.Of);

    private static readonly FrozenDictionary<string, OperationKind> _kinds = _names.ToFrozenDictionary(
        pair => pair.Value, pair => pair.Key);

    public static string Of(OperationKind kind) => _names[kind];

    /// <summary>False when there is no such operation.</summary>
    public static bool TryFind(string name, out OperationKind kind) => _kinds.TryGetValue(name, out kind);
}
