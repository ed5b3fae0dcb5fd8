using System.Text.RegularExpressions;
using Mono.Cecil;

namespace Livebed.Driver.Tests.Rooms;

/// <summary>One namespace of a project uses another.</summary>
/// <param name="From">without the project's own prefix; empty for its root</param>
/// <param name="To">likewise</param>
/// <param name="Where">a member or a file that does</param>
internal sealed record Dependency(string From, string To, string Where);

/// <summary>
/// What the namespaces of one project use of each other. The assembly tells nearly all of it: signatures, generic arguments, attributes and
/// method bodies. Constants and nameof leave no trace there, so the using directives of the sources are read too.
/// </summary>
internal static partial class NamespaceDependencies
{
    public static IEnumerable<Dependency> OfSources(string folder, string root)
    {
        var sources = Directory.EnumerateFiles(folder, "*.cs", SearchOption.AllDirectories)
            .Where(file => Path.GetRelativePath(folder, file).Split(Path.DirectorySeparatorChar)[0] is not ("bin" or "obj"));
        foreach (var file in sources)
        {
            var text = File.ReadAllText(file);
            if (!Namespace().Match(text).Groups["name"].Value.IsUnder(root, out var from)) continue;
            foreach (var used in Using().Matches(text).Select(match => match.Groups["name"].Value))
                if (used.IsUnder(root, out var to) && to != from)
                    yield return new Dependency(from, to, Path.GetRelativePath(folder, file));
        }
    }

    public static IEnumerable<Dependency> OfAssembly(string path, string root)
    {
        using var module = ModuleDefinition.ReadModule(path);
        var found = new Dictionary<(string From, string To), Dependency>();
        foreach (var type in module.GetTypes())
        {
            if (!NamespaceOf(type).IsUnder(root, out var from)) continue;
            foreach (var (used, where) in UsedBy(type))
                foreach (var part in PartsOf(used))
                    if (part.Scope == module && NamespaceOf(part).IsUnder(root, out var to) && to != from)
                        found.TryAdd((from, to), new Dependency(from, to, $"{where} ({part.Name})"));
        }

        return found.Values;
    }

    private static IEnumerable<(TypeReference? Used, string Where)> UsedBy(TypeDefinition type)
    {
        yield return (type.BaseType, type.FullName);
        foreach (var contract in type.Interfaces) yield return (contract.InterfaceType, type.FullName);
        foreach (var parameter in type.GenericParameters)
            foreach (var constraint in parameter.Constraints) yield return (constraint.ConstraintType, type.FullName);
        foreach (var attribute in type.CustomAttributes) yield return (attribute.AttributeType, type.FullName);
        foreach (var field in type.Fields) yield return (field.FieldType, field.FullName);
        foreach (var method in type.Methods)
            foreach (var used in UsedBy(method)) yield return (used, method.FullName);
    }

    private static IEnumerable<TypeReference?> UsedBy(MethodDefinition method)
    {
        foreach (var used in SignatureOf(method)) yield return used;
        foreach (var attribute in method.CustomAttributes) yield return attribute.AttributeType;
        foreach (var parameter in method.GenericParameters)
            foreach (var constraint in parameter.Constraints) yield return constraint.ConstraintType;
        if (!method.HasBody) yield break;
        foreach (var variable in method.Body.Variables) yield return variable.VariableType;
        foreach (var handler in method.Body.ExceptionHandlers) yield return handler.CatchType;
        foreach (var instruction in method.Body.Instructions)
            switch (instruction.Operand)
            {
                case TypeReference used:
                    yield return used;
                    break;
                case FieldReference field:
                    yield return field.DeclaringType;
                    yield return field.FieldType;
                    break;
                case MethodReference called:
                    yield return called.DeclaringType;
                    foreach (var used in SignatureOf(called)) yield return used;
                    break;
            }
    }

    private static IEnumerable<TypeReference> SignatureOf(MethodReference method)
    {
        yield return method.ReturnType;
        foreach (var parameter in method.Parameters) yield return parameter.ParameterType;
        if (method is GenericInstanceMethod generic)
            foreach (var argument in generic.GenericArguments) yield return argument;
    }

    /// <summary>A type and what it is made of: elements of arrays, generic arguments.</summary>
    private static IEnumerable<TypeReference> PartsOf(TypeReference? type)
    {
        while (type is TypeSpecification made)
        {
            if (made is GenericInstanceType generic)
                foreach (var argument in generic.GenericArguments)
                    foreach (var part in PartsOf(argument)) yield return part;
            type = made.ElementType;
        }

        if (type is not (null or GenericParameter)) yield return type;
    }

    private static string NamespaceOf(TypeReference type) => type.DeclaringType is { } outer ? NamespaceOf(outer) : type.Namespace;

    private static bool IsUnder(this string name, string root, out string rest)
    {
        var isInside = name.StartsWith(root + ".", StringComparison.Ordinal);
        rest = isInside ? name[(root.Length + 1)..] : "";
        return isInside || name == root;
    }

    [GeneratedRegex(@"^namespace (?<name>[\w.]+);", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex Namespace();

    [GeneratedRegex(@"^using (static |\w+ = )?(?<name>[\w.]+);", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex Using();
}
