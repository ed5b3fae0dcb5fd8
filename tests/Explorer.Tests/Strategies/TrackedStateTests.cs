using System.Reflection;
using System.Runtime.CompilerServices;
using Livebed.Explorer.Scheduling;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Tests.Strategies;

/// <summary>
/// Depth-first search knows what a step touches from cells. So every mutable field of the model is a cell, or it is marked
/// with the reason why no step acts upon it.
/// </summary>
public sealed class TrackedStateTests
{
    private const BindingFlags Own =
        BindingFlags.Instance | BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;

    /// <summary>Rooms without state that lanes share, and why.</summary>
    private static readonly (string Namespace, string Why)[] _exempt =
    [
        ("Livebed.Kvm.World", "the cells themselves"),
        ("Livebed.Kvm.Addresses", "values"),
        ("Livebed.Kvm.Checks", "the catalogue of invariants and mutants, complete before any world is made"),
        ("Livebed.Kvm.Guests", "programs, each of one vCPU, which keeps them in a cell"),
        ("Livebed.Kvm.Prediction", "reckons beside the model"),
    ];

    private static readonly Type[] _cells =
    [
        typeof(Tracked<>), typeof(TrackedObject<>), typeof(TrackedList<>), typeof(TrackedMap<,>), typeof(TrackedArray<>),
        typeof(TrackedPages<>), typeof(TrackedPageSet),
    ];

    [Fact]
    public void Every_mutable_field_of_the_model_is_a_cell_or_says_why_not()
    {
        var types = typeof(IWorld).Assembly.GetTypes().Where(type => type.Namespace is not null && IsModel(type))
            .Concat([typeof(Machine), typeof(Latch)])
            .Where(IsWritten).ToList();
        Assert.True(types.Count > 100, $"only {types.Count} classes were looked at");
        var untracked = types.SelectMany(Untracked).Order(StringComparer.Ordinal).ToList();
        Assert.True(untracked.Count == 0, string.Join("\n", untracked));
    }

    [Theory]
    [InlineData(typeof(PlainField), 1)]
    [InlineData(typeof(PlainProperty), 1)]
    [InlineData(typeof(PlainCollection), 1)]
    [InlineData(typeof(PlainArray), 1)]
    [InlineData(typeof(ContentWithoutCell), 1)]
    [InlineData(typeof(CollectionInValueCell), 1)]
    [InlineData(typeof(ReadOnlyCell), 1)]
    [InlineData(typeof(Correct), 0)]
    public void A_forgotten_cell_is_found(Type type, int found) => Assert.Equal(found, Untracked(type).Count());

    private static bool IsModel(Type type) =>
        !Array.Exists(
            _exempt,
            room => type.Namespace == room.Namespace || type.Namespace!.StartsWith($"{room.Namespace}.", StringComparison.Ordinal));

    /// <summary>A class that a person has written, and not a record, which is a message, nor the state of an async method.</summary>
    private static bool IsWritten(Type type) =>
        type is { IsClass: true, IsInterface: false } && !type.Name.Contains('<') && !type.IsDefined(typeof(CompilerGeneratedAttribute))
            && !typeof(Delegate).IsAssignableFrom(type) && !typeof(Attribute).IsAssignableFrom(type);

    private static IEnumerable<string> Untracked(Type type)
    {
        if (type.IsDefined(typeof(UntrackedAttribute)) || type.IsDefined(typeof(CellContentAttribute))) yield break;
        foreach (var field in type.GetFields(Own))
            if (!field.IsLiteral && !SaysWhy(type, field) && WrongIn(type, field) is { } wrong)
                yield return $"{type.FullName}.{NameOf(field)}: {wrong}";
    }

    private static string? WrongIn(Type type, FieldInfo field)
    {
        if (IsCell(field.FieldType))
        {
            if (IsValueCell(field.FieldType) && field.IsInitOnly) return "a read-only cell is copied at each use";
            return IsValueCell(field.FieldType) && IsMutable(field.FieldType.GetGenericArguments()[0])
                ? "a Tracked value has mutable parts: use TrackedObject or a tracked collection"
                : null;
        }

        // A parameter of a primary constructor, which the compiler keeps in a field that is not read-only.
        var isParameter = field.Name.StartsWith('<') && field.Name.EndsWith('P');
        if (!field.IsInitOnly && !isParameter) return "not a cell";

        // A record is a message: whoever has made it does not change what is in it.
        var isRecord = type.GetMethod("<Clone>$") is not null;
        return !isRecord && !field.IsStatic && IsMutable(field.FieldType) ? $"{field.FieldType.Name} can be changed without a cell" : null;
    }

    private static bool IsCell(Type type) => Array.IndexOf(_cells, type.IsGenericType ? type.GetGenericTypeDefinition() : type) >= 0;

    private static bool IsValueCell(Type type) => type.IsGenericType && type.GetGenericTypeDefinition() == typeof(Tracked<>);

    private static bool IsMutable(Type type) =>
        type.IsArray || type == typeof(PageSet) || type.IsDefined(typeof(CellContentAttribute))
            || (type is { IsClass: true, Namespace: "System.Collections.Generic" });

    private static bool SaysWhy(Type type, FieldInfo field) =>
        field.IsDefined(typeof(UntrackedAttribute))
            || (type.GetProperty(NameOf(field), Own) is { } property && property.IsDefined(typeof(UntrackedAttribute)));

    /// <summary>Of an automatic property its own name.</summary>
    private static string NameOf(FieldInfo field) =>
        field.Name.StartsWith('<') ? field.Name[1..field.Name.IndexOf('>', StringComparison.Ordinal)] : field.Name;

    private sealed class PlainField
    {
        private int _count;

        public int Next() => ++_count;
    }

    private sealed class PlainProperty
    {
        public int Count { get; set; }
    }

    private sealed class PlainCollection
    {
        public List<int> Numbers { get; } = [];
    }

    private sealed class PlainArray
    {
        private readonly int[] _numbers = new int[1];

        public int Next() => ++_numbers[0];
    }

    private sealed class ContentWithoutCell
    {
        public Content Content { get; } = new();
    }

    private sealed class CollectionInValueCell(IWorld world)
    {
        private Tracked<List<int>> _numbers = new(world, []);

        public int Count => _numbers.Value.Count;
    }

    private sealed class ReadOnlyCell(IWorld world)
    {
        private readonly Tracked<int> _number = new(world);

        public int Number => _number.Value;
    }

    private sealed class Correct(IWorld world)
    {
        private readonly TrackedObject<Content> _content = new(new Place(world), new Content());
        private Tracked<int> _number = new(world);

        [Untracked("statistics")]
        private int _calls;

        public int Next() => _calls++ + _content.Content.Count + ++_number.Value;
    }

    [CellContent]
    private sealed class Content
    {
        public int Count { get; set; }
    }
}
