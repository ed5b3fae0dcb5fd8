using Livebed.Kvm.Locks;

namespace Livebed.Kvm.Tests.Locks;

/// <summary>The machine-readable part of docs/locking.md: which class may be waited for while which is held.</summary>
internal sealed class LockOrderDocument
{
    private readonly Dictionary<string, HashSet<string>> _below;

    public LockOrderDocument(IEnumerable<string> lines)
    {
        Pairs = [.. lines.Select(line => line.Split(" > ")).Select(parts => (parts[0], parts[1]))];
        _below = Pairs.SelectMany(pair => new[] { pair.Held, pair.Asked })
            .Distinct().ToDictionary(name => name, _ => new HashSet<string>());
        for (var grown = true; grown;)
        {
            grown = false;
            foreach (var (held, asked) in Pairs)
                foreach (var below in _below[asked].Append(asked).ToList()) grown |= _below[held].Add(below);
        }
    }

    public IReadOnlyList<(string Held, string Asked)> Pairs { get; }

    public IEnumerable<string> Classes => _below.Keys;

    /// <summary>Classes that the order puts below themselves; there must be none.</summary>
    public IEnumerable<string> Cyclic => _below.Where(entry => entry.Value.Contains(entry.Key)).Select(entry => entry.Key);

    public static LockOrderDocument Read()
    {
        var lines = File.ReadAllLines(Repository.PathOf("docs", "locking.md"));
        return new LockOrderDocument(lines.SkipWhile(line => line != "```lock-order").Skip(1).TakeWhile(line => line != "```"));
    }

    /// <summary>Is this edge of a real run allowed? Nested reads are, for classes with readers that do not queue behind writers.</summary>
    public bool Allows(LockOrderGraph.Edge edge) => edge.Held == edge.Asked
        ? edge is { HeldMode: LockMode.Read, AskedMode: LockMode.Read, Asked.ReadersQueueBehindWriters: false }
        : _below[edge.Held.Name].Contains(edge.Asked.Name);
}
